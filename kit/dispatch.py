"""Handing events over inside one process: one dispatcher per publisher and consumer, fed from the outbox.

The outbox is the log: each subscribing service has a row of its own, so that one that fails holds up no other.
"""

import asyncio
import logging

from sqlalchemy import text

from kit.consume import Consumer, backoff
from kit.db import Database
from kit.errors import is_infrastructure
from kit.relay import envelope_of
from kit.wake import any_of

log = logging.getLogger(__name__)

BATCH = 100
POLL_SECONDS = 2.0

_UNDELIVERED = text("""
    SELECT id, event_id, topic, type, key, time, traceparent, value FROM outbox
    WHERE published_at IS NULL AND subscriber = :subscriber ORDER BY id LIMIT :limit
""")
_MARK = text("UPDATE outbox SET published_at = (SELECT clock_now()) WHERE id = ANY(:ids)")


async def dispatch(publisher: Database, consumer: Consumer, stopping: asyncio.Event) -> None:
    """Deliver one service's events to another, in order, until `stopping` is set.

    An event is marked after its effect has committed; a crash in between delivers it again, and the inbox knows it.
    """
    pauses = backoff()
    with publisher.wakeups.bell("outbox") as bell:
        while not stopping.is_set():
            bell.clear()
            try:
                if await _dispatch_batch(publisher, consumer, stopping) < BATCH:
                    await any_of((bell, stopping), POLL_SECONDS)
                pauses = backoff()
            except Exception as error:
                if not is_infrastructure(error):
                    log.exception("handing events of %s to %s failed", publisher.name, consumer.database.name)
                await any_of((stopping,), next(pauses))


async def _dispatch_batch(publisher: Database, consumer: Consumer, stopping: asyncio.Event) -> int:
    async with publisher.transaction() as session:
        found = await session.execute(_UNDELIVERED, {"subscriber": consumer.database.name, "limit": BATCH})
        rows = found.mappings().all()
    done = []
    try:
        for row in rows:
            if stopping.is_set():
                break
            await consumer.handle(envelope_of(row, publisher.name))
            done.append(row["id"])
    finally:
        if done:
            async with publisher.transaction() as session:
                await session.execute(_MARK, {"ids": done})
    return len(rows)
