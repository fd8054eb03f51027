"""Reads of the notifier."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.http import Paging
from services.notifier.db import database
from services.notifier.models import MAIL_CHANNEL_ID, Channel, CompletedRun, Delivery, KnownProject, Preference

_known_user = database.metadata.tables["known_user"]


@dataclass(frozen=True)
class User:
    """A user as the replica knows it."""

    id: int
    username: str
    real_name: str | None
    email: str | None
    is_active: bool
    deleted: bool
    settings: dict[str, Any]

    @property
    def language(self) -> str:
        """The language the user reads."""
        return str(self.settings.get("language", "zh"))

    @property
    def wants_mail(self) -> bool:
        """Whether the user's settings allow mail."""
        return bool(self.settings.get("notify", {}).get("email", True))

    @property
    def name(self) -> str:
        """The name to show."""
        return self.real_name or self.username


async def users(session: AsyncSession, ids: Iterable[int]) -> dict[int, User]:
    """The known users among these ids."""
    table = _known_user.c
    columns = (table.id, table.username, table.real_name, table.email, table.is_active, table.deleted, table.settings)
    found = await session.execute(_known_user.select().with_only_columns(*columns).where(table.id.in_(set(ids))))
    return {row.id: User(*row) for row in found}


async def preferences(session: AsyncSession, user_ids: Iterable[int]) -> dict[int, Preference]:
    """What these users chose; who chose nothing is absent."""
    found = await session.exec(select(Preference).where(col(Preference.user_id).in_(set(user_ids))))
    return {row.user_id: row for row in found}


async def enabled_channels(session: AsyncSession, project_ids: Iterable[int]) -> Sequence[Channel]:
    """The channels on which these projects' runs are told."""
    found = await session.exec(
        select(Channel)
        .where(col(Channel.project_id).in_(set(project_ids)), col(Channel.enabled))
        .order_by(col(Channel.id))
    )
    return found.all()


async def channels(session: AsyncSession, ids: Iterable[int]) -> dict[int, Channel]:
    """The channels that are left of these ids."""
    found = await session.exec(select(Channel).where(col(Channel.id).in_(set(ids))))
    return {row.id: row for row in found if row.id is not None}


async def channel_page(session: AsyncSession, project_id: int | None, paging: Paging) -> tuple[int, Sequence[Channel]]:
    """How many channels there are, of a project or in all, and one page of them by name."""
    conditions = [] if project_id is None else [col(Channel.project_id) == project_id]
    total = (await session.exec(select(func.count()).select_from(Channel).where(*conditions))).one()
    by_name = select(Channel).where(*conditions).order_by(col(Channel.name), col(Channel.id))
    return total, (await session.exec(by_name.offset(paging.offset).limit(paging.page_size))).all()


async def projects(session: AsyncSession, ids: Iterable[int]) -> dict[int, KnownProject]:
    """The known projects among these ids."""
    found = await session.exec(select(KnownProject).where(col(KnownProject.id).in_(set(ids))))
    return {row.id: row for row in found}


async def completed_runs(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, CompletedRun]:
    """What there was to tell of these runs."""
    found = await session.exec(select(CompletedRun).where(col(CompletedRun.run_id).in_(set(ids))))
    return {row.run_id: row for row in found}


@dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries are wanted; None: all."""

    run_id: UUID | None
    task_id: int | None
    status: str | None
    user_id: int | None
    channel_id: int | None


async def deliveries(session: AsyncSession, wanted: DeliveryFilter, paging: Paging) -> tuple[int, Sequence[Delivery]]:
    """How many deliveries there are, and one page of them, newest first."""
    conditions = [
        condition
        for value, condition in (
            (wanted.run_id, col(Delivery.run_id) == wanted.run_id),
            (wanted.status, col(Delivery.status) == wanted.status),
            (wanted.channel_id, col(Delivery.channel_id) == wanted.channel_id),
            (
                wanted.user_id,
                (col(Delivery.channel_id) == MAIL_CHANNEL_ID) & (col(Delivery.recipient) == wanted.user_id),
            ),
            (
                wanted.task_id,
                col(Delivery.run_id).in_(
                    select(CompletedRun.run_id).where(col(CompletedRun.task_id) == wanted.task_id)
                ),
            ),
        )
        if value is not None
    ]
    total = (await session.exec(select(func.count()).select_from(Delivery).where(*conditions))).one()
    newest = (
        select(Delivery)
        .where(*conditions)
        .order_by(col(Delivery.created_at).desc(), col(Delivery.id).desc())
        .offset(paging.offset)
        .limit(paging.page_size)
    )
    return total, (await session.exec(newest)).all()
