"""The relay that empties the outbox into Kafka."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from opentelemetry.trace import SpanKind

from contracts.cloudevents import Envelope
from kit.consume import backoff
from kit.db import Database
from kit.errors import is_infrastructure
from kit.leader import leader
from kit.telemetry import is_traced, span, traceparent
from kit.topics import cluster, topic_name
from kit.wake import any_of

log = logging.getLogger(__name__)

BATCH = 1000
BUILT_AT_ONCE = 50
"""Messages, between two moments at which the other work of the process has its turn."""
MAX_LOOKS_AHEAD = 20
"""Before the relay looks at the oldest rows again: one with a lower id may have been committed meanwhile."""
LANDING_SECONDS = 1.0
"""What is in the air when the relay stops has this time to be marked; if it is not, it is sent twice."""
POLL_SECONDS = 0.25
MAX_RECONNECT_SECONDS = 5.0

_UNPUBLISHED = """
    SELECT id, event_id, topic, type, key, time, traceparent, value FROM outbox
    WHERE published_at IS NULL AND subscriber = '*' AND id > $2 ORDER BY id LIMIT $1
"""
_MARK = "UPDATE outbox SET published_at = (SELECT clock_now()) WHERE id = ANY($1)"  # a query of its own is made once

_partitioner = DefaultPartitioner()
_Sent = tuple[list[tuple[list[int], asyncio.Future[Any]]], KafkaError | None]
"""The ids of rows, with what the broker will say of them; and what kept the others from being sent."""
_connection = {"state": "connecting"}


def state() -> str:
    """What the relays last saw of the broker: `connecting`, `connected` or `unreachable`."""
    return _connection["state"]


async def relay(database: Database) -> None:
    """Publish the outbox of one schema, in order, for ever; one process at a time does it.

    Rows are read as `published_at IS NULL ORDER BY id`: a cursor over ids, kept for long, would skip rows that commit
    late.
    """
    pauses = backoff(MAX_RECONNECT_SECONDS)
    while True:
        try:
            async with (
                leader(database, "relay") as connection,
                _marking_connection(database) as marking,
                _producer() as producer,
            ):
                await _adopt_embedded_rows(connection)
                with database.wakeups.bell("outbox") as bell:
                    while True:
                        await _publish_all(connection, marking, database.name, producer, bell)
                        pauses = backoff(MAX_RECONNECT_SECONDS)
                        _connection["state"] = "connected"
                        await any_of((bell,), POLL_SECONDS)
        except Exception as error:
            _connection["state"] = "unreachable"
            if not is_infrastructure(error):
                log.exception("the relay of %s failed", database.name)
            pause = next(pauses)
            log.warning("the relay of %s starts anew in %.1f s: %s", database.name, pause, error)
            await asyncio.sleep(pause)


async def _adopt_embedded_rows(connection: "asyncpg.Connection[Any]") -> None:
    """Take over what one process left undelivered: Kafka hands it to every group, and inboxes know duplicates."""
    await connection.execute("UPDATE outbox SET subscriber = '*' WHERE published_at IS NULL AND subscriber <> '*'")


@asynccontextmanager
async def _marking_connection(database: Database) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """A connection whose commits do not wait for the disk: a mark that is lost sends an event twice, at worst."""
    connection = await database.connect()
    try:
        await connection.execute("SET synchronous_commit = off")
        yield connection
    finally:
        connection.terminate()


async def _publish_all(
    reading: "asyncpg.Connection[Any]",
    marking: "asyncpg.Connection[Any]",
    schema: str,
    producer: AIOKafkaProducer,
    bell: asyncio.Event,
) -> None:
    """Send what is unpublished, oldest first. While the broker takes one batch, the next one is read and built.

    What is in the air is not marked yet, so the next look begins behind it. A batch is marked only after the one
    before it: when that failed, both are sent anew, in their order.

    Raises: KafkaError when something was not acknowledged; the producer must then start anew from the first unmarked
    row.
    """
    flying: asyncio.Task[None] | None = None
    behind = looks_ahead = 0
    try:
        while True:
            bell.clear()
            rows = await reading.fetch(_UNPUBLISHED, BATCH, behind)
            looks_ahead = looks_ahead + 1 if behind else 0
            if rows:
                sent = await _send(rows, schema, producer)
                if flying is not None:
                    await flying
                flying, behind = asyncio.create_task(_land(marking, *sent)), rows[-1]["id"]
                flying.add_done_callback(_heard)
            if flying is None:
                return
            look_back = looks_ahead == MAX_LOOKS_AHEAD
            if len(rows) < BATCH and not look_back:
                await _landed_or_rung(flying, bell)
            if flying.done() or look_back:
                await flying
                flying, behind = None, 0
                if not looks_ahead:
                    return
    finally:
        if flying is not None:
            await asyncio.wait((flying,), timeout=LANDING_SECONDS)
            flying.cancel()


async def _landed_or_rung(flying: asyncio.Task[None], bell: asyncio.Event) -> None:
    ring = asyncio.create_task(bell.wait())
    try:
        await asyncio.wait((flying, ring), return_when=asyncio.FIRST_COMPLETED)
    finally:
        ring.cancel()


async def _send(rows: Sequence[Any], schema: str, producer: AIOKafkaProducer) -> _Sent:
    """Hand rows to the producer."""
    sent: list[tuple[list[int], asyncio.Future[Any]]] = []
    try:
        async for topic, partition, batch, row_ids in _batches(rows, schema, producer):
            future = await producer.send_batch(batch, topic, partition=partition)
            future.add_done_callback(_heard)
            sent.append((row_ids, future))
    except KafkaError as error:
        return sent, error
    return sent, None


def _heard(future: asyncio.Future[Any]) -> None:
    """Take note of an error: nobody waits for what is behind one that failed."""
    if not future.cancelled():
        future.exception()


async def _land(
    marking: "asyncpg.Connection[Any]", sent: list[tuple[list[int], asyncio.Future[Any]]], failure: KafkaError | None
) -> None:
    """Wait for the broker's answers, and mark what it acknowledged."""
    results = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
    acknowledged = [
        id_
        for (row_ids, _), result in zip(sent, results, strict=True)
        if not isinstance(result, BaseException)
        for id_ in row_ids
    ]
    if acknowledged:
        await marking.execute(_MARK, acknowledged)
    if failure := failure or next((result for result in results if isinstance(result, BaseException)), None):
        raise failure


async def _batches(
    rows: Sequence[Any], schema: str, producer: AIOKafkaProducer
) -> AsyncIterator[tuple[str, int, BatchBuilder, list[int]]]:
    """The rows as batches of one partition each, with their ids: a message on its own costs twice the time."""
    partitions: dict[str, int] = {}
    open_batches: dict[tuple[str, int], tuple[BatchBuilder, list[int]]] = {}
    like: tuple[Any, ...] = ()
    topic, shared = "", [("", b"")]
    traced = is_traced()
    for number, row in enumerate(rows, start=1):
        if number % BUILT_AT_ONCE == 0:
            await asyncio.sleep(0)
        id_, event_id, event_topic, event_type, key_text, time_, trace, value = row
        if like != (event_topic, event_type, time_):  # what one transaction stated has most headers in common
            like = event_topic, event_type, time_
            topic, shared = topic_name(event_topic), _shared_headers(row, schema)
            if topic not in partitions:
                partitions[topic] = len(await producer.partitions_for(topic))
        key = key_text.encode()
        headers = [*shared, ("ce_id", str(event_id).encode()), ("ce_subject", key)]
        if traced:
            trace = _trace_of(row, schema)
        if trace is not None:
            headers.append(("traceparent", trace.encode()))
        place = topic, _partition(key, partitions[topic])
        if place not in open_batches:
            open_batches[place] = producer.create_batch(), []
        batch, row_ids = open_batches[place]
        if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
            yield *place, batch, row_ids
            batch, row_ids = open_batches[place] = producer.create_batch(), []
            batch.append(timestamp=None, key=key, value=value, headers=headers)
        row_ids.append(id_)
    for place, (batch, row_ids) in open_batches.items():
        yield *place, batch, row_ids


@lru_cache(maxsize=10_000)
def _partition(key: bytes, count: int) -> int:
    """Where a key's events go: the hash is Python, and keys come again."""
    partition: int = _partitioner(key, range(count), range(count))
    return partition


def _shared_headers(row: Any, schema: str) -> list[tuple[str, bytes]]:  # noqa: ANN401 (a database row)
    """The headers that rows of one topic, type and time have in common."""
    own = {"ce_id", "ce_subject", "traceparent"}
    return [(name, value.encode()) for name, value in envelope_of(row, schema).headers().items() if name not in own]


def envelope_of(row: Any, schema: str) -> Envelope:  # noqa: ANN401 (a database row of either driver)
    """The event of an outbox row."""
    return Envelope(
        id=row["event_id"],
        type=row["type"],
        topic=row["topic"],
        key=row["key"],
        source=f"/rounds/{schema}",
        subject=row["key"],
        time=row["time"],
        traceparent=row["traceparent"],
        value=row["value"],
    )


def _trace_of(row: Any, service: str) -> str | None:  # noqa: ANN401 (a database row)
    """An event's trace context: that of a span which tells how long it waited in the outbox."""
    known = {"service": service, "key": row["key"]}
    with span(f"publish {row['topic']}", known, row["traceparent"], SpanKind.PRODUCER, row["time"]):
        return traceparent.get()


@asynccontextmanager
async def _producer() -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        **cluster(),
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        request_timeout_ms=10_000,
        max_batch_size=256 * 1024,
        max_request_size=1024 * 1024,
    )
    try:
        await producer.start()
        yield producer
    finally:
        with suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(producer.stop(), 5)
