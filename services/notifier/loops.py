"""What the notifier does on its own: send what is queued, and take back what a lost worker held."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

import aiohttp
from opentelemetry.trace import SpanKind
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import clock
from kit.crypto import DecryptionFailed
from kit.errors import DependencyUnavailable, is_infrastructure
from kit.loops import LEASES_LOST
from kit.telemetry import piece_of_work
from services.notifier import clients
from services.notifier.db import database
from services.notifier.models import Delivery
from services.notifier.rules.mail import compose, is_address, render
from services.notifier.rules.telling import Later, Outcome, Refused
from services.notifier.settings import notifier_settings
from services.notifier.usecases import channels, deliveries

log = logging.getLogger(__name__)

MAILS_AT_ONCE = 20
"""Mails that go over one connection before the next claim."""
LONGEST_BATCH_SECONDS = 10.0
"""What a slow server leaves unsent after this is given back, so that a process can stop in time."""
LONGEST_SLEEP_SECONDS = 5.0
REAP_EVERY_SECONDS = 10.0
POSTS_AT_ONCE = 20
PURGED_AT_ONCE = 500
PURGE_EVERY_SECONDS = 3600.0


async def send_mails() -> float:
    """Claim mails that are due and hand them to the mail server, with no transaction open while it answers."""
    async with database.transaction() as session:
        claimed = await deliveries.claim(session, mail=True, limit=MAILS_AT_ONCE)
        parcels = await deliveries.pack(session, claimed)
        pause = await _seconds_to_sleep(session, mail=True)
    if not claimed:
        return pause
    unanswered = None
    if unknown := [parcel.delivery.recipient for parcel in parcels if parcel.user is None]:
        unanswered = await _learn(unknown, claimed)
        async with database.transaction() as session:
            parcels = await deliveries.pack(session, claimed)
    async with clients.MailCarrier() as carrier:
        started = time.monotonic()
        for position, parcel in enumerate(parcels):
            if time.monotonic() - started > LONGEST_BATCH_SECONDS:
                async with database.transaction() as session:
                    await deliveries.release(session, claimed[position:])
                break
            if position > 0 and not await _still_held(claimed[position:]):
                continue
            with _traced(parcel):
                outcome = await _guarded(parcel, _send_mail(carrier, parcel, unanswered))
                async with database.transaction() as session:
                    await deliveries.finish(session, parcel.delivery, outcome)
    return 0


def _traced(parcel: deliveries.Parcel) -> AbstractContextManager[object]:
    """The sending as part of the run's trace."""
    delivery = parcel.delivery
    known = {"service": "notifier", "run_id": str(delivery.run_id), "delivery_id": str(delivery.id)}
    return piece_of_work(f"send {delivery.channel_kind}", parcel.completed.traceparent, known, SpanKind.CLIENT)


async def _still_held(rest: Sequence[Delivery]) -> bool:
    """Hold what is not sent yet for two minutes more; answers whether the next one is still ours."""
    async with database.transaction() as session:
        return rest[0].id in await deliveries.renew(session, rest)


async def _learn(unknown: list[int], claimed: Sequence[Delivery]) -> str | None:
    """Ask auth about recipients whom the replica does not know; answers why auth could not tell."""
    try:
        found = await clients.users(sorted(set(unknown)))
    except DependencyUnavailable as error:
        return str(error)
    async with database.transaction() as session:
        await deliveries.learn_users(session, found, claimed)
    return None


async def _send_mail(carrier: clients.MailCarrier, parcel: deliveries.Parcel, unanswered: str | None) -> Outcome:
    user = parcel.user
    if user is None:
        return Later(unanswered) if unanswered else Refused("unknown_user")
    if user.deleted or not user.is_active or not user.email:
        return Refused("deleted" if user.deleted else "disabled" if not user.is_active else "no_address")
    if not is_address(user.email):
        return Refused("bad_address")
    host, letter = clients.public_host(), parcel.letter()
    sender = notifier_settings().sender or f"rounds@{host}"
    message = compose(parcel.delivery.id, render(letter), letter, sender, user.email, host)
    return await carrier.send(parcel.delivery.id, message, user.email)


async def _guarded(parcel: deliveries.Parcel, sending: Awaitable[Outcome]) -> Outcome:
    """The outcome of a try; one that fails unexpectedly is tried later, and holds up no other."""
    try:
        return await sending
    except Exception as error:
        if is_infrastructure(error):
            raise
        log.exception("delivery %s failed unexpectedly", parcel.delivery.id)
        return Later(f"internal error: {type(error).__name__}")


async def send_posts() -> float:
    """Claim what channels are to be told and post it, all at the same time."""
    async with database.transaction() as session:
        claimed = await deliveries.claim(session, mail=False, limit=POSTS_AT_ONCE)
        parcels = await deliveries.pack(session, claimed)
        pause, now = await _seconds_to_sleep(session, mail=False), await clock.now(session)
    if not claimed:
        return pause
    async with clients.channel_session() as web:
        sendings = (_send_post(web, parcel, now) for parcel in parcels)
        ended = await asyncio.gather(*sendings, return_exceptions=True)  # one that fails must break off no other
    for failure in filter(None, ended):
        raise failure
    return 0


async def _send_post(web: aiohttp.ClientSession, parcel: deliveries.Parcel, now: datetime) -> None:
    with _traced(parcel):
        outcome = await _guarded(parcel, _post(web, parcel, now))
        async with database.transaction() as session:
            await deliveries.finish(session, parcel.delivery, outcome)


async def _post(web: aiohttp.ClientSession, parcel: deliveries.Parcel, now: datetime) -> Outcome:
    if parcel.channel is None:
        return Refused("channel_deleted")
    try:
        post = channels.post_to(parcel.channel, parcel.letter(), parcel.delivery.id, now)
    except DecryptionFailed as error:
        return Later(str(error))
    return await clients.send_post(web, parcel.channel.kind, post)


async def _seconds_to_sleep(session: AsyncSession, *, mail: bool) -> float:
    seconds = await deliveries.seconds_to_next(session, mail=mail)
    return LONGEST_SLEEP_SECONDS if seconds is None else min(LONGEST_SLEEP_SECONDS, seconds + 0.001)


async def reap_deliveries() -> float:
    """Queue again what was claimed by a worker that is gone."""
    async with database.transaction() as session:
        reaped = await deliveries.reap(session)
    LEASES_LOST.labels("notifier").inc(reaped)
    return REAP_EVERY_SECONDS


async def purge_deliveries() -> float:
    """Forget what was told longer ago than `ROUNDS_NOTIFIER_KEEP_DAYS`."""
    async with database.transaction() as session:
        files = await deliveries.purge(session, notifier_settings().keep_days, PURGED_AT_ONCE)
    if files is None:
        return PURGE_EVERY_SECONDS
    await asyncio.to_thread(clients.remove_mail_files, files)
    return 0
