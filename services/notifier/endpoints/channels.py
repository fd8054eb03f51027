"""Channels of a project: webhooks and chats."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.auth import UserChanged
from contracts.catalog import ProjectChanged
from kit import caller as kit_caller
from kit.crypto import DecryptionFailed, keys_read
from kit.errors import DependencyUnavailable
from kit.http import IfMatch, Page, PagingQuery
from kit.tables import MAX_ID
from services.notifier import clients, queries
from services.notifier.db import Caller, Session, database
from services.notifier.models import Channel
from services.notifier.rules.telling import Sent
from services.notifier.schemas import (
    ChannelCreate,
    ChannelCreated,
    ChannelRead,
    ChannelsRotated,
    ChannelUpdate,
    ProjectName,
    TrialResult,
    UserName,
)
from services.notifier.usecases import channels, telling

router = APIRouter(prefix="/notifications/channels", tags=["notifications"])

ChannelId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("", summary="List channels")
async def list_channels(
    _: Caller,
    session: Session,
    paging: PagingQuery,
    project_id: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Page[ChannelRead]:
    """The channels of a project, or of all; their addresses and secrets are never shown."""
    total, found = await queries.channel_page(session, project_id, paging)
    return Page(total=total, page=paging.page, page_size=paging.page_size, data=await _read(session, found))


@router.post("", status_code=201, summary="Add a channel")
async def create_channel(new: ChannelCreate, caller: Caller) -> ChannelCreated:
    """Tell a project's runs to a webhook or a chat. A webhook's secret is in this answer and never again."""
    caller = await _confirmed(caller, new.project_id)
    async with database.transaction() as session:
        channel, secret = await channels.create(session, caller, new)
        (read,) = await _read(session, [channel])
    return ChannelCreated(**read.model_dump(), secret=secret)


@router.put("/{channel_id}", summary="Replace a channel")
async def update_channel(channel_id: ChannelId, new: ChannelUpdate, caller: Caller, revision: IfMatch) -> ChannelRead:
    """Everything but project and kind can be changed; address and secret are kept where they are left out."""
    caller = await _confirmed(caller, await _project_of(channel_id))
    async with database.transaction() as session:
        (read,) = await _read(session, [await channels.update(session, caller, channel_id, new, revision)])
    return read


@router.delete("/{channel_id}", status_code=204, summary="Remove a channel")
async def delete_channel(channel_id: ChannelId, caller: Caller, revision: IfMatch) -> None:
    """Runs are no longer told there."""
    caller = await _confirmed(caller, await _project_of(channel_id))
    async with database.transaction() as session:
        await channels.remove(session, caller, channel_id, revision)


@router.post(":rotate", summary="Encrypt channels anew")
async def rotate_secrets(caller: Caller, session: Session) -> ChannelsRotated:
    """Superusers encrypt up to 500 channels that are under an older key with the first of `ROUNDS_ENCRYPTION_KEYS`.

    To be called until it answers 0; then the older keys can go.
    """
    under = await channels.rotate_secrets(session, caller)
    return ChannelsRotated(rotated=len(under), before=keys_read(under), key=keys_read()[0])


@router.post("/{channel_id}/test", summary="Send a test message")
async def test_channel(channel_id: ChannelId, caller: Caller) -> TrialResult:
    """Send a message about a run that never was, now and once, and tell what the other side said."""
    caller = await _confirmed(caller, await _project_of(channel_id))
    try:
        async with database.transaction() as session:
            channel, post = await channels.trial(session, caller, channel_id)
    except DecryptionFailed as error:
        return TrialResult(ok=False, error=str(error))
    async with clients.channel_session() as web:
        outcome = await clients.send_post(web, channel.kind, post)
    return TrialResult(ok=isinstance(outcome, Sent), error=None if isinstance(outcome, Sent) else outcome.error)


async def _project_of(channel_id: int) -> int | None:
    async with database.transaction() as session:
        channel = (await queries.channels(session, [channel_id])).get(channel_id)
    return None if channel is None else channel.project_id


async def _confirmed(caller: kit_caller.Caller, project_id: int | None) -> kit_caller.Caller:
    """The caller, after what the replicas do not know was asked of its source, in transactions of their own.

    Raises: DependencyUnavailable (the project is unknown here and catalog does not answer).
    """
    if project_id is None:
        return caller
    async with database.transaction() as session:
        known = await queries.projects(session, [project_id])
    if not known:
        found = await clients.projects([project_id])
        async with database.transaction() as session:
            for state in found:
                await telling.keep_project(session, ProjectChanged.model_validate_json(orjson.dumps(state)))
    if caller.is_member(project_id):
        return caller
    try:
        users = await clients.users([caller.user_id])
    except DependencyUnavailable:
        return caller
    for user in (UserChanged.model_validate_json(orjson.dumps(state)) for state in users):
        async with database.transaction() as session:
            await telling.keep_owner(session, user)
        caller = dataclasses.replace(
            caller, is_superuser=bool(user.is_superuser), project_ids=frozenset(user.project_ids or ())
        )
    return caller


async def _read(session: AsyncSession, found: Sequence[Channel]) -> list[ChannelRead]:
    projects = await queries.projects(session, (channel.project_id for channel in found))
    users = await queries.users(session, (id_ for c in found for id_ in (c.created_by, c.updated_by)))

    def named(id_: int) -> UserName:
        return UserName(id=id_, username=users[id_].username if id_ in users else None)

    return [
        ChannelRead(
            id=channel.id or 0,
            project=ProjectName(
                id=channel.project_id,
                name=projects[channel.project_id].name if channel.project_id in projects else None,
            ),
            name=channel.name,
            kind=channel.kind,
            host=channel.host,
            signed=channel.secret is not None,
            notify=channel.notify,
            language=channel.language,
            enabled=channel.enabled,
            revision=channel.revision,
            created_at=channel.created_at,
            created_by=named(channel.created_by),
            updated_at=channel.updated_at,
            updated_by=named(channel.updated_by),
        )
        for channel in found
    ]
