"""Stating a fact: the event becomes a row of the same transaction as the change it tells of."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from contracts.base import Event
from kit.db import wake_after_commit
from kit.errors import PayloadTooLarge
from kit.telemetry import traceparent

if TYPE_CHECKING:
    from kit.db import Database

MAX_VALUE_BYTES = 900 * 1024
NEXT_UUID = "((SELECT left(uuidv7()::text, 28)) || lpad(to_hex(row_number() OVER ()), 8, '0'))::uuid"
"""SQL of a UUIDv7 for each row of a query: one random number, counted up. `uuidv7()` for each row opens and reads
`/dev/urandom` each time where PostgreSQL was built without OpenSSL, which is a tenth of the time of a burst."""

_INSERT = text("""
    INSERT INTO outbox (event_id, topic, type, key, subscriber, time, traceparent, value)
    SELECT event_id, topic, type, key, subscriber, (SELECT clock_now()), traceparent, value
    FROM unnest(CAST(:event_ids AS uuid[]), CAST(:topics AS text[]), CAST(:types AS text[]), CAST(:keys AS text[]),
                CAST(:subscribers AS text[]), CAST(:traceparents AS text[]), CAST(:values AS bytea[]))
         WITH ORDINALITY AS event (event_id, topic, type, key, subscriber, traceparent, value, position)
    ORDER BY position
""")


async def publish(session: AsyncSession, *events: Event, traces: Sequence[str | None] | None = None) -> list[UUID]:
    """Write the events into the outbox of the session's schema, in the order given; answers their ids.

    The session is flushed first: SQLAlchemy would otherwise send the change after the event that tells of it. Lock
    the changed row (and count its revision under the lock) before calling this, or events of one key may be stated
    out of order. `traces` are the trace contexts that led to them, where it is not that of the work in hand.

    Raises: PayloadTooLarge when an event is larger than 900 KiB.
    """
    await session.flush()
    database: Database = session.info["database"]
    ids = [uuid7() for _ in events]
    traces = [traceparent.get()] * len(events) if traces is None else traces
    rows = [
        (id_, event, subscriber, trace, value)
        for id_, event, trace, value in zip(ids, events, traces, values_of(events), strict=True)
        for subscriber in database.subscribers(event.topic)
    ]
    if rows:
        await session.execute(
            _INSERT,
            {
                "event_ids": [id_ for id_, *_ in rows],
                "topics": [event.topic for _, event, *_ in rows],
                "types": [event.event_type() for _, event, *_ in rows],
                "keys": [event.key for _, event, *_ in rows],
                "subscribers": [subscriber for *_, subscriber, _, _ in rows],
                "traceparents": [trace for *_, trace, _ in rows],
                "values": [value for *_, value in rows],
            },
        )
        wake_after_commit(session, "outbox")
    return ids


async def publish_from(
    session: AsyncSession, event: type[Event], ctes: str, select: str, values: Mapping[str, Any] | None = None
) -> tuple[int, Sequence[Row[Any]]]:
    """State events that SQL makes: thousands in one statement, with no object for each.

    `ctes` are common table expressions, one of them `event (key, traceparent, value)`: its value the JSON body, its
    trace context what counts where none is in hand. `select` may read them. Answers how many events were stated, and
    the rows of `select`. A test must hold each value to the contract.

    Raises: PayloadTooLarge when an event is larger than 900 KiB.
    """
    database: Database = session.info["database"]
    subscribers = database.subscribers(event.topic)
    listed = ", ".join(f"'{subscriber}'" for subscriber in subscribers)  # in the text: a parameter would hide how many
    statement = text(f"""
        WITH {ctes},
        made AS (SELECT {NEXT_UUID} AS id, key, traceparent, convert_to(value::text, 'UTF8') AS value FROM event),
        stated AS (
            INSERT INTO outbox (event_id, topic, type, key, subscriber, time, traceparent, value)
            SELECT id, '{event.topic}', '{event.event_type()}', key::text, subscriber, (SELECT clock_now()),
                   coalesce(:traceparent, traceparent), value
            FROM made CROSS JOIN unnest(ARRAY[{listed}]) AS subscriber
            RETURNING octet_length(value) AS size)
        SELECT (SELECT count(*) FROM stated) AS stated, (SELECT max(size) FROM stated) AS size, found.*
        FROM (SELECT) AS once
        LEFT JOIN (SELECT true AS is_found, selected.* FROM ({select}) AS selected) AS found ON true
    """)
    rows = (await session.execute(statement, {"traceparent": traceparent.get(), **(values or {})})).all()
    if (rows[0].size or 0) > MAX_VALUE_BYTES:
        raise PayloadTooLarge
    if rows[0].stated:
        wake_after_commit(session, "outbox")
    return rows[0].stated // len(subscribers), [row for row in rows if row.is_found]


def values_of(events: Sequence[Event]) -> list[bytes]:
    """The events' JSON bodies.

    Raises: PayloadTooLarge when one is larger than 900 KiB.
    """
    values = [event.model_dump_json().encode() for event in events]
    if any(len(value) > MAX_VALUE_BYTES for value in values):
        raise PayloadTooLarge
    return values
