"""What becomes of a run that ended: who is told, and what is kept to compare the next one with."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.auth import UserChanged
from contracts.catalog import ProjectChanged
from contracts.executor import RunCompleted
from kit import clock
from kit.caller import keep_user
from kit.db import wake_after_commit
from kit.telemetry import traceparent
from services.notifier import queries
from services.notifier.models import (
    MAIL_CHANNEL_ID,
    Channel,
    CompletedRun,
    Delivery,
    KnownProject,
    Preference,
    TaskState,
)
from services.notifier.rules.telling import (
    GIVE_UP_AFTER,
    JUDGED,
    Change,
    compare,
    delivery_id,
    end_of_quiet,
    is_told,
)


async def tell(session: AsyncSession, run: RunCompleted) -> None:
    """Make the deliveries of a task's final run: one per owner, one per channel of its projects.

    A run is told once, however often it is stated; what another attempt follows is not told at all.
    """
    if not run.final or run.task_id is None or run.notify is None:
        return
    state = (
        await session.exec(select(TaskState).where(col(TaskState.task_id) == run.task_id).with_for_update())
    ).first()
    before = state if state is not None and state.finished_at < run.finished_at else None
    change = None if before is None else _change(before, run)
    kept = await session.execute(
        insert(CompletedRun)
        .values(
            run_id=run.run_id,
            task_id=run.task_id,
            project_ids=run.project_ids,
            body=run.model_dump(mode="json"),
            change=None if change is None else asdict(change),
            traceparent=traceparent.get(),
        )
        .on_conflict_do_nothing()
        .returning(col(CompletedRun.run_id))
    )
    if kept.first() is None:
        return
    await _keep_state(session, run, {} if before is None else before.cases)
    now = await clock.now(session)
    rows = [row async for row in _to_owners(session, run, change, now)]
    rows += [row async for row in _to_channels(session, run, change, now)]
    if rows:
        await session.execute(insert(Delivery).values(rows).on_conflict_do_nothing())
        wake_after_commit(session, "delivery")


def _change(before: TaskState, run: RunCompleted) -> Change:
    statuses = {case.case_id: case.status for case in run.cases}
    known = {int(case): status for case, status in before.cases.items()}
    return compare(known, statuses, before.status, before.pass_rate)


async def _keep_state(session: AsyncSession, run: RunCompleted, before: dict[str, str]) -> None:
    """Remember how the cases ended. A cancelled run says nothing; a case that was not judged keeps its last word."""
    if run.status == "cancelled":
        return
    last_words = {
        str(case.case_id): case.status if case.status in JUDGED else before.get(str(case.case_id)) for case in run.cases
    }
    statement = insert(TaskState).values(
        task_id=run.task_id,
        run_id=run.run_id,
        status=run.status,
        pass_rate=run.pass_rate,
        cases={case: status for case, status in last_words.items() if status is not None},
        finished_at=run.finished_at,
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[col(TaskState.task_id)],
            set_={name: statement.excluded[name] for name in ("run_id", "status", "pass_rate", "cases", "finished_at")},
            where=col(TaskState.finished_at) < statement.excluded["finished_at"],
        )
    )


async def _to_owners(
    session: AsyncSession, run: RunCompleted, change: Change | None, now: datetime
) -> AsyncIterator[dict[str, Any]]:
    assert run.notify is not None  # noqa: S101 (for the type checker)
    users = await queries.users(session, run.owner_ids)
    preferences = await queries.preferences(session, run.owner_ids)
    told = is_told(run.notify, run.status, change)
    for owner_id in dict.fromkeys(run.owner_ids):
        user, preference = users.get(owner_id), preferences.get(owner_id)
        reason = _why_not(run, now, told=told) or _unreachable(user) or _unwanted(user, preference, run, now)
        yield _row(
            run,
            now if reason else _first_moment(preference, now),
            channel_id=MAIL_CHANNEL_ID,
            channel_kind="email",
            recipient=owner_id,
            language=user.language if user else "zh",
            reason=reason,
        )


async def _to_channels(
    session: AsyncSession, run: RunCompleted, change: Change | None, now: datetime
) -> AsyncIterator[dict[str, Any]]:
    for channel in await queries.enabled_channels(session, run.project_ids):
        told = is_told(channel.notify, run.status, change)
        yield _row(
            run,
            now,
            channel_id=channel.id,
            channel_kind=channel.kind,
            recipient=channel.id,
            language=channel.language,
            reason=_why_not(run, now, told=told),
        )


def _why_not(run: RunCompleted, now: datetime, *, told: bool) -> str | None:
    if run.finished_at < now - GIVE_UP_AFTER:
        return "too_old"
    return None if told else "rule"


def _unreachable(user: queries.User | None) -> str | None:
    """Why mail cannot reach an owner. One whom the replica does not know yet is asked about when the mail is sent."""
    if user is None:
        return None
    if user.deleted:
        return "deleted"
    if not user.is_active:
        return "disabled"
    return None if user.email else "no_address"


def _unwanted(user: queries.User | None, preference: Preference | None, run: RunCompleted, now: datetime) -> str | None:
    if user is not None and not user.wants_mail:
        return "mail_off"
    if preference is None:
        return None
    muted = preference.muted_until is not None and preference.muted_until > now
    return "muted" if muted or run.task_id in preference.muted_task_ids else None


def _first_moment(preference: Preference | None, now: datetime) -> datetime:
    if preference is None or preference.quiet_from is None or preference.quiet_until is None:
        return now
    zone = ZoneInfo(preference.timezone)
    return end_of_quiet(now, preference.quiet_from, preference.quiet_until, zone) or now


def _row(run: RunCompleted, not_before: datetime, *, reason: str | None, **values: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "id": delivery_id(run.run_id, values["channel_id"], values["recipient"]),
        "run_id": run.run_id,
        "status": "skipped" if reason else "queued",
        "reason": reason,
        "tries": 0,
        "not_before": not_before,
        "give_up_at": not_before + GIVE_UP_AFTER,
        "unsubscribe_token": secrets.token_urlsafe(24),
        "ended_at": not_before if reason else None,
        **values,
    }


async def keep_owner(session: AsyncSession, event: UserChanged) -> None:
    """Keep a user's state; who wants no more mail gets none of what still waits."""
    await keep_user(session, event)
    if event.settings is not None and not event.settings.notify.email:
        await skip_waiting(session, event.id, "mail_off")


async def skip_waiting(session: AsyncSession, user_id: int, reason: str, task_ids: list[int] | None = None) -> None:
    """Skip the mails that wait for a user; those about some tasks only, if they are named."""
    conditions = [
        col(Delivery.status) == "queued",
        col(Delivery.channel_id) == MAIL_CHANNEL_ID,
        col(Delivery.recipient) == user_id,
    ]
    if task_ids is not None:
        about = select(CompletedRun.run_id).where(col(CompletedRun.task_id).in_(task_ids))
        conditions.append(col(Delivery.run_id).in_(about))
    await session.execute(
        update(Delivery).where(*conditions).values(status="skipped", reason=reason, ended_at=clock.clock_now())
    )


async def keep_project(session: AsyncSession, event: ProjectChanged) -> None:
    """Keep a project's name; a deleted one loses its channels."""
    statement = insert(KnownProject).values(
        id=event.id, name=event.name, revision=event.revision, deleted=event.deleted
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[col(KnownProject.id)],
            set_={name: statement.excluded[name] for name in ("name", "revision", "deleted")},
            where=col(KnownProject.revision) < statement.excluded["revision"],
        )
    )
    if event.deleted:
        await session.exec(delete(Channel).where(col(Channel.project_id) == event.id))
