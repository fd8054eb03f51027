"""Stating again: every present state, so that replicas fill; or what was stated before, for a broker that lost data."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.types import DateTime, Text
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.base import Event
from kit.db import Database
from kit.outbox import publish
from kit.settings import settings

STATED_AT_ONCE = 200
REPLAYED_AT_ONCE = 5000

Snapshot = Callable[[AsyncSession, str, int, int], Awaitable[tuple[Sequence[Event], int | None]]]
"""Of (session, topic, after id, limit): the states of the rows that follow, and the id to go on from, None at the end.
It locks the rows it reads, so that no older state is stated after a newer one."""

_STATUS = text("""
    SELECT waiting.subscriber, coalesce(waiting.events, 0) AS waiting, waiting.oldest_seconds,
           (SELECT min(published_at) FROM outbox WHERE published_at IS NOT NULL) AS kept_since
    FROM (SELECT) AS once
    LEFT JOIN (
        SELECT subscriber, count(*) AS events, extract(epoch FROM clock_now() - min(time))::float8 AS oldest_seconds
        FROM outbox WHERE published_at IS NULL GROUP BY subscriber) AS waiting ON true
    ORDER BY subscriber
""")
_REPLAY = text("""
    WITH again AS (
        SELECT id FROM outbox
        WHERE id > :after AND id <= :last AND published_at IS NOT NULL AND (subscriber = '*') = :by_kafka
              AND (topic = :topic OR :topic IS NULL) AND (time >= :since OR :since IS NULL)
        ORDER BY id LIMIT :limit),
    marked AS (UPDATE outbox SET published_at = NULL WHERE id IN (SELECT id FROM again))
    SELECT count(*) AS rows, max(id) AS last FROM again
""").bindparams(bindparam("topic", type_=Text), bindparam("since", type_=DateTime(timezone=True)))


async def outbox_status(database: Database) -> Sequence[RowMapping]:
    """How many events wait, for whom (`*`: Kafka) and since how many seconds, and since when published ones are kept.

    One row for each subscriber that something waits for; one without a subscriber when nothing does.
    """
    async with database.transaction() as session:
        return (await session.execute(_STATUS)).mappings().all()


async def state_again(database: Database, topic: str, snapshot: Snapshot) -> int:
    """Publish the present state of every row under new event ids, some hundred to a transaction; answers how many.

    Raises: RuntimeError when the settings know no Kafka but a relay is at work.
    """
    stated, after = 0, 0
    while True:
        async with database.transaction() as session:
            await _check_carrier(session, database)
            events, last = await snapshot(session, topic, after, STATED_AT_ONCE)
            await publish(session, *events)
        stated += len(events)
        if last is None:
            return stated
        after = last


async def publish_again(database: Database, topic: str | None, since: datetime | None) -> int:
    """Let what was published go out once more, under the same ids and in the same order; answers how many rows.

    `topic`: of this one only; `since`: what was stated then or later. Left out is what another carrier published:
    Kafka's while events are handed over in one process, and the other way round.

    Raises: RuntimeError when the settings know no Kafka but a relay is at work.
    """
    values: dict[str, Any] = {"topic": topic, "since": since, "by_kafka": not settings().embedded}
    async with database.transaction() as session:
        await _check_carrier(session, database)
        last = (await session.execute(text("SELECT max(id) FROM outbox"))).scalar_one() or 0
    replayed: int = 0
    after = 0
    while True:
        async with database.transaction() as session:
            found = await session.execute(_REPLAY, {**values, "after": after, "last": last, "limit": REPLAYED_AT_ONCE})
            row = found.one()
        replayed += row.rows
        if row.rows < REPLAYED_AT_ONCE:
            return replayed
        after = row.last


async def _check_carrier(session: AsyncSession, database: Database) -> None:
    """Rows for services in one process would wait for ever where a relay reads rows for Kafka."""
    free = text("SELECT pg_try_advisory_xact_lock(hashtext(:role))")
    if settings().embedded and not (await session.execute(free, {"role": f"{database.name}.relay"})).scalar_one():
        raise RuntimeError(
            f"the events of {database.name} go to Kafka: set ROUNDS_KAFKA_BOOTSTRAP_SERVERS as it is for the services"
        )
