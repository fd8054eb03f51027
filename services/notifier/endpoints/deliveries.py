"""Deliveries: what was told to whom, and what was not."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.errors import NotFound
from kit.http import Page, PagingQuery
from services.notifier import queries
from services.notifier.db import Caller, Session
from services.notifier.models import MAIL_CHANNEL_ID, Delivery
from services.notifier.rules.chats import write_post
from services.notifier.rules.mail import render
from services.notifier.schemas import ChannelName, DeliveryDetail, DeliveryRead, Recipient, RenderedMail, Status
from services.notifier.usecases import deliveries

router = APIRouter(prefix="/notifications", tags=["notifications"])


@router.get("/deliveries", summary="List deliveries, newest first")
async def list_deliveries(
    _: Caller,
    session: Session,
    paging: PagingQuery,
    run_id: UUID | None = None,
    task_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    status: Status | None = None,
    user_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    channel_id: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
) -> Page[DeliveryRead]:
    """Every message that was or was not sent, with its tries and why. `user_id` gives the mails of one owner."""
    wanted = queries.DeliveryFilter(run_id, task_id, status, user_id, channel_id)
    total, found = await queries.deliveries(session, wanted, paging)
    return Page(total=total, page=paging.page, page_size=paging.page_size, data=await _read(session, found))


@router.get("/deliveries/{delivery_id}", summary="A delivery with its message")
async def get_delivery(delivery_id: UUID, caller: Caller, session: Session) -> DeliveryDetail:
    """One delivery, with the very message that was, or will be, sent."""
    delivery = await session.get(Delivery, delivery_id)
    if delivery is None:
        raise NotFound
    completed = (await queries.completed_runs(session, [delivery.run_id]))[delivery.run_id]
    mail = post = None
    if deliveries.may_see_message(caller, delivery, completed):
        own = delivery.recipient == caller.user_id
        projects = await queries.projects(session, completed.project_ids)
        letter = deliveries.letter_of(delivery, completed, projects, may_unsubscribe=own)
        if delivery.channel_kind == "email":
            rendered = render(letter)
            mail = RenderedMail(subject=rendered.subject, html=rendered.html, text=rendered.text)
        else:
            moment = delivery.ended_at or delivery.created_at
            post = write_post(delivery.channel_kind, "", None, delivery.id, letter, moment).body.decode()
    (read,) = await _read(session, [delivery])
    return DeliveryDetail(**read.model_dump(), mail=mail, post=post)


@router.post("/deliveries/{delivery_id}/retry", summary="Send a failed or skipped delivery after all")
async def retry_delivery(delivery_id: UUID, caller: Caller, session: Session) -> DeliveryRead:
    """Queue it at once, with all its tries; 409 `delivery_not_retryable` unless it failed or was skipped."""
    delivery = await deliveries.retry(session, caller, delivery_id)
    (read,) = await _read(session, [delivery])
    return read


async def _read(session: AsyncSession, found: Sequence[Delivery]) -> list[DeliveryRead]:
    runs = await queries.completed_runs(session, (delivery.run_id for delivery in found))
    users = await queries.users(session, (d.recipient for d in found if d.channel_id == MAIL_CHANNEL_ID))
    channels = await queries.channels(session, (d.channel_id for d in found if d.channel_id != MAIL_CHANNEL_ID))
    answer = []
    for delivery in found:
        to_user = delivery.channel_id == MAIL_CHANNEL_ID
        channel, user = channels.get(delivery.channel_id), users.get(delivery.recipient) if to_user else None
        channel_name = channel.name if channel else None
        answer.append(
            DeliveryRead(
                id=delivery.id,
                run_id=delivery.run_id,
                task_id=runs[delivery.run_id].task_id,
                task_name=str(runs[delivery.run_id].body["task_name"] or ""),
                channel=ChannelName(id=delivery.channel_id, kind=delivery.channel_kind, name=channel_name),
                recipient=Recipient(
                    kind="user" if to_user else "channel",
                    id=delivery.recipient,
                    name=(user.name if user else None) if to_user else channel_name,
                ),
                status=delivery.status,
                reason=delivery.reason,
                error=delivery.error,
                via=delivery.via,
                tries=delivery.tries,
                next_try_at=delivery.not_before if delivery.status == "queued" else None,
                created_at=delivery.created_at,
                ended_at=delivery.ended_at,
            )
        )
    return answer
