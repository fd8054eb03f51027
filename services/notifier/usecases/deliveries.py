"""The life of a delivery: claimed, sent, tried again, given up."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
from prometheus_client import Counter
from sqlalchemy import func, text, update
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.auth import UserChanged
from contracts.executor import RunCompleted
from contracts.notifier import NotificationFailed, NotificationSent
from kit import clock
from kit.caller import Caller, keep_user
from kit.db import wake_after_commit
from kit.errors import NotFound, PermissionDenied
from kit.outbox import publish
from kit.settings import settings
from services.notifier import queries
from services.notifier.errors import DeliveryNotEnded
from services.notifier.models import MAIL_CHANNEL_ID, Channel, CompletedRun, Delivery, KnownProject
from services.notifier.rules.mail import Letter
from services.notifier.rules.telling import GIVE_UP_AFTER, Change, Later, Outcome, Sent, pause_seconds

log = logging.getLogger(__name__)

ENDED = Counter("rounds_deliveries", "Tries of deliveries, by channel and outcome", ["channel", "outcome"])

LEASE = "interval '2 minutes'"
_CLAIM = """
    UPDATE delivery SET status = 'sending', tries = tries + 1, lease_token = :token,
                        lease_until = clock_now() + {lease}
    WHERE id = ANY(ARRAY(
        SELECT id FROM delivery WHERE status = 'queued' AND channel_id {which} AND not_before <= clock_now()
        ORDER BY not_before LIMIT :limit FOR UPDATE SKIP LOCKED))
    RETURNING *
"""
CLAIM_MAIL = text(_CLAIM.format(lease=LEASE, which="= 0"))
CLAIM_POST = text(_CLAIM.format(lease=LEASE, which="> 0"))
_RENEW = text(f"""
    UPDATE delivery SET lease_until = clock_now() + {LEASE}
    WHERE id = ANY(:ids) AND lease_token = :token RETURNING id
""")
_RELEASE = text("""
    UPDATE delivery SET status = 'queued', tries = tries - 1, lease_token = NULL, lease_until = NULL
    WHERE id = ANY(:ids) AND lease_token = :token AND status = 'sending'
""")
_REAP = text("""
    UPDATE delivery SET status = 'queued', lease_token = NULL, lease_until = NULL, not_before = clock_now(),
                        error = 'worker_lost'
    WHERE status = 'sending' AND lease_until < clock_now() RETURNING id
""")
_OLD_RUNS = text("""
    SELECT run_id FROM completed_run WHERE created_at < clock_now() - make_interval(days => :days)
    AND NOT EXISTS (SELECT 1 FROM delivery
                    WHERE delivery.run_id = completed_run.run_id AND status IN ('queued', 'sending'))
    ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED
""")
_NEXT = """
    SELECT extract(epoch FROM min(not_before) - clock_now()) FROM delivery
    WHERE status = 'queued' AND channel_id {which}
"""
NEXT_MAIL = text(_NEXT.format(which="= 0"))
NEXT_POST = text(_NEXT.format(which="> 0"))


@dataclass(frozen=True)
class Parcel:
    """A claimed delivery and what it needs to be sent."""

    delivery: Delivery
    completed: CompletedRun
    projects: Mapping[int, KnownProject]
    user: queries.User | None
    channel: Channel | None

    def letter(self) -> Letter:
        """What it tells, in its recipient's language."""
        return letter_of(self.delivery, self.completed, self.projects, may_unsubscribe=True)


async def claim(session: AsyncSession, *, mail: bool, limit: int) -> Sequence[Delivery]:
    """Take deliveries that are due, mails or those to channels, under a lease of two minutes."""
    statement = (CLAIM_MAIL if mail else CLAIM_POST).bindparams(token=uuid4(), limit=limit)
    return (await session.scalars(select(Delivery).from_statement(statement))).all()


async def seconds_to_next(session: AsyncSession, *, mail: bool) -> float | None:
    """How long until the next delivery is due; None: none waits."""
    seconds = (await session.execute(NEXT_MAIL if mail else NEXT_POST)).scalar_one()
    return None if seconds is None else max(0.0, float(seconds))


async def renew(session: AsyncSession, claimed: Sequence[Delivery]) -> set[UUID]:
    """Hold claimed deliveries for two minutes more; answers which are still ours."""
    return set((await session.execute(_RENEW, _held(claimed))).scalars())


async def release(session: AsyncSession, claimed: Sequence[Delivery]) -> None:
    """Give back what there is no time for; it counts as no try."""
    await session.execute(_RELEASE, _held(claimed))
    wake_after_commit(session, "delivery")


def _held(claimed: Sequence[Delivery]) -> dict[str, Any]:
    return {"ids": [delivery.id for delivery in claimed], "token": claimed[0].lease_token}


async def learn_users(session: AsyncSession, users: Sequence[dict[str, Any]], claimed: Sequence[Delivery]) -> None:
    """Keep what auth told about recipients, and write to them in their language."""
    for state in users:
        event = UserChanged.model_validate_json(orjson.dumps(state))
        await keep_user(session, event)
        for delivery in claimed:
            if delivery.recipient == event.id and event.settings is not None:
                delivery.language = event.settings.language
                session.add(delivery)


async def pack(session: AsyncSession, claimed: Sequence[Delivery]) -> list[Parcel]:
    """Gather what claimed deliveries need to be written and addressed."""
    if not claimed:
        return []
    runs = await queries.completed_runs(session, (delivery.run_id for delivery in claimed))
    mails = [delivery for delivery in claimed if delivery.channel_id == MAIL_CHANNEL_ID]
    users = await queries.users(session, (delivery.recipient for delivery in mails))
    projects = await queries.projects(session, {id_ for completed in runs.values() for id_ in completed.project_ids})
    channels = await queries.channels(session, (d.channel_id for d in claimed if d.channel_id != MAIL_CHANNEL_ID))
    return [
        Parcel(
            delivery,
            runs[delivery.run_id],
            projects,
            users.get(delivery.recipient) if delivery.channel_id == MAIL_CHANNEL_ID else None,
            channels.get(delivery.channel_id),
        )
        for delivery in claimed
    ]


def letter_of(
    delivery: Delivery, completed: CompletedRun, projects: Mapping[int, KnownProject], *, may_unsubscribe: bool
) -> Letter:
    """What a delivery tells, in its recipient's language."""
    public_url = settings().public_url.rstrip("/")
    link = f"{public_url}/notifications/unsubscribe/{delivery.unsubscribe_token}"
    return Letter(
        run=RunCompleted.model_validate_json(orjson.dumps(completed.body)),
        change=None if completed.change is None else Change(**completed.change),
        project_names=[projects[id_].name for id_ in completed.project_ids if id_ in projects],
        language=delivery.language,
        zone=settings().zone,
        public_url=public_url,
        unsubscribe_url=link if may_unsubscribe and delivery.channel_id == MAIL_CHANNEL_ID else None,
    )


async def finish(session: AsyncSession, delivery: Delivery, outcome: Outcome) -> None:
    """Write what became of a try and state it, unless the lease was lost meanwhile: then another worker decides."""
    now = await clock.now(session)
    again = isinstance(outcome, Later) and now < delivery.give_up_at
    values: dict[str, Any] = {"lease_token": None, "lease_until": None}
    if isinstance(outcome, Sent):
        values |= {"status": "sent", "via": outcome.via, "ended_at": now}
    elif again:
        pause = func.make_interval(0, 0, 0, 0, 0, 0, pause_seconds(delivery.tries))
        later = func.least(clock.clock_now() + pause, col(Delivery.give_up_at))
        values |= {"status": "queued", "error": outcome.error, "not_before": later}
    else:
        values |= {"status": "failed", "error": outcome.error, "ended_at": now}
    written = await session.execute(
        update(Delivery)
        .where(
            col(Delivery.id) == delivery.id,
            col(Delivery.status) == "sending",
            col(Delivery.lease_token) == delivery.lease_token,
        )
        .values(**values)
        .returning(col(Delivery.error))
        .execution_options(synchronize_session=False)
    )
    row = written.first()
    if row is None:
        return
    ENDED.labels(delivery.channel_kind, values["status"]).inc()
    log.info("delivery %s to %s %s: %s", delivery.id, delivery.channel_kind, delivery.recipient, values["status"])
    fact: dict[str, Any] = {
        "delivery_id": delivery.id,
        "run_id": delivery.run_id,
        "channel": delivery.channel_kind,
        "recipient_kind": "user" if delivery.channel_id == MAIL_CHANNEL_ID else "channel",
        "recipient_id": delivery.recipient,
        "tries": delivery.tries,
        "error": row.error,
    }
    if values["status"] == "sent":
        await publish(session, NotificationSent(**fact))
    elif values["status"] == "failed":
        await publish(session, NotificationFailed(**fact))


async def reap(session: AsyncSession) -> int:
    """Queue again what a worker that is gone had in hand; answers how many. Some may go out twice, under one id."""
    reaped = (await session.execute(_REAP)).scalars().all()
    if reaped:
        log.warning("deliveries of a lost worker are queued again: %s", ", ".join(map(str, reaped)))
        wake_after_commit(session, "delivery")
    return len(reaped)


def may_see_message(caller: Caller, delivery: Delivery, completed: CompletedRun) -> bool:
    """Whether the caller may see a delivery's message and send it again: its recipient and members of its projects."""
    own = delivery.channel_id == MAIL_CHANNEL_ID and delivery.recipient == caller.user_id
    return own or caller.is_superuser or any(caller.is_member(project) for project in completed.project_ids)


async def retry(session: AsyncSession, caller: Caller, id_: UUID) -> Delivery:
    """Send a failed or skipped delivery after all, for 24 hours from now.

    Raises: NotFound, PermissionDenied (neither the recipient nor a member of the run's projects), DeliveryNotEnded.
    """
    delivery = await session.get(Delivery, id_, with_for_update=True)
    if delivery is None:
        raise NotFound
    completed = (await queries.completed_runs(session, [delivery.run_id]))[delivery.run_id]
    if not may_see_message(caller, delivery, completed):
        raise PermissionDenied
    if delivery.status not in {"failed", "skipped"}:
        raise DeliveryNotEnded(status=delivery.status)
    now = await clock.now(session)
    delivery.status, delivery.reason, delivery.error, delivery.tries, delivery.ended_at = "queued", None, None, 0, None
    delivery.not_before, delivery.give_up_at = now, now + GIVE_UP_AFTER
    session.add(delivery)
    wake_after_commit(session, "delivery")
    log.info("delivery %s is sent by hand by user %s", id_, caller.user_id)
    return delivery


async def purge(session: AsyncSession, keep_days: int, limit: int) -> list[UUID] | None:
    """Forget runs of long ago, with their deliveries; answers which of the mails lie in files, None: all is done."""
    old = await session.execute(_OLD_RUNS, {"days": keep_days, "limit": limit})
    run_ids = old.scalars().all()
    if not run_ids:
        return None
    gone = await session.exec(
        delete(Delivery).where(col(Delivery.run_id).in_(run_ids)).returning(col(Delivery.id), col(Delivery.via))
    )
    files = [id_ for id_, via in gone if via == "file"]
    await session.exec(delete(CompletedRun).where(col(CompletedRun.run_id).in_(run_ids)))
    log.info("forgot what was told of %d runs", len(run_ids))
    return files
