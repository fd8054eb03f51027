"""Kafka: the relay that empties the outbox, and the loop that feeds a consumer."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from opentelemetry.trace import SpanKind
from prometheus_client import Gauge

from contracts.cloudevents import Envelope
from kit.consume import Consumer, backoff
from kit.db import Database
from kit.errors import is_infrastructure
from kit.leader import leader
from kit.settings import settings
from kit.telemetry import span, traceparent
from kit.topics import cluster, topic_name
from kit.wake import any_of

log = logging.getLogger(__name__)

BATCH = 1000
BUILT_AT_ONCE = 100
"""Messages, between two moments at which the other work of the process has its turn."""
POLL_SECONDS = 0.25
MAX_RECONNECT_SECONDS = 5.0
LAG_EVERY_SECONDS = 5.0
CONSUMER_LAG = Gauge("rounds_consumer_lag", "Events that wait in the partitions of this process", ["service"])

_UNPUBLISHED = """
    SELECT id, event_id, topic, type, key, time, traceparent, value FROM outbox
    WHERE published_at IS NULL AND subscriber = '*' AND id <> ALL($2::bigint[]) ORDER BY id LIMIT $1
"""
_MARK = "UPDATE outbox SET published_at = clock_now() WHERE id = ANY($1)"

_partitioner = DefaultPartitioner()
_connection = {"state": "connecting"}


def state() -> str:
    """What the relays last saw of the broker: `connecting`, `connected` or `unreachable`."""
    return _connection["state"]


async def relay(database: Database) -> None:
    """Publish the outbox of one schema, in order, for ever; one process at a time does it.

    Rows are read as `published_at IS NULL ORDER BY id`: a cursor over ids would skip rows that commit late.
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
                        bell.clear()
                        await _publish_all(connection, marking, database.name, producer)
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
    reading: "asyncpg.Connection[Any]", marking: "asyncpg.Connection[Any]", schema: str, producer: AIOKafkaProducer
) -> None:
    """Send what is unpublished, oldest first. While a batch is marked the next one is read and sent.

    Raises: KafkaError when something was not acknowledged; the producer must then start anew from the first unmarked
    row.
    """
    acknowledged: list[int] = []
    failure: BaseException | None = None
    mark: asyncio.Task[str] | None = None
    try:
        more = True
        while more and failure is None:
            rows = await reading.fetch(_UNPUBLISHED, BATCH, acknowledged)
            more = len(rows) == BATCH
            acknowledged, failure = await _send(rows, schema, producer)
            if mark is not None:
                await mark
            mark = asyncio.create_task(marking.execute(_MARK, acknowledged)) if acknowledged else None
    finally:
        if mark is not None:
            await mark
    if failure is not None:
        raise failure


async def _send(rows: Sequence[Any], schema: str, producer: AIOKafkaProducer) -> tuple[list[int], BaseException | None]:
    """Send rows; answers the ids of those that the broker acknowledged, and what kept it from the others."""
    sent: list[tuple[list[int], asyncio.Future[Any]]] = []
    failure: BaseException | None = None
    try:
        async for topic, partition, batch, row_ids in _batches(rows, schema, producer):
            sent.append((row_ids, await producer.send_batch(batch, topic, partition=partition)))
    except KafkaError as error:
        failure = error
    results = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
    acknowledged: list[int] = []
    for (row_ids, _), result in zip(sent, results, strict=True):
        if isinstance(result, BaseException):
            failure = failure or result
        else:
            acknowledged += row_ids
    return acknowledged, failure


async def _batches(
    rows: Sequence[Any], schema: str, producer: AIOKafkaProducer
) -> AsyncIterator[tuple[str, int, BatchBuilder, list[int]]]:
    """The rows as batches of one partition each, with their ids: a message on its own costs twice the time."""
    partitions: dict[str, list[int]] = {}
    open_batches: dict[tuple[str, int], tuple[BatchBuilder, list[int]]] = {}
    like: tuple[Any, ...] = ()
    shared: dict[str, bytes] = {}
    for number, row in enumerate(rows, start=1):
        if number % BUILT_AT_ONCE == 0:
            await asyncio.sleep(0)
        if like != (row["topic"], row["type"], row["time"]):  # what one transaction stated has most headers in common
            like = row["topic"], row["type"], row["time"]
            topic, headers_of_it = topic_name(row["topic"]), envelope_of(row, schema).headers()
            shared = {name: value.encode() for name, value in headers_of_it.items() if name != "traceparent"}
            if topic not in partitions:
                partitions[topic] = sorted(await producer.partitions_for(topic))
        key = row["key"].encode()
        headers = shared | {"ce_id": str(row["event_id"]).encode(), "ce_subject": key}
        if (trace := _traced(row, schema)) is not None:
            headers["traceparent"] = trace.encode()
        place = topic, _partitioner(key, partitions[topic], partitions[topic])
        message = {"timestamp": None, "key": key, "value": row["value"], "headers": list(headers.items())}
        if place not in open_batches:
            open_batches[place] = producer.create_batch(), []
        batch, row_ids = open_batches[place]
        if batch.append(**message) is None:
            yield *place, batch, row_ids
            batch, row_ids = open_batches[place] = producer.create_batch(), []
            batch.append(**message)
        row_ids.append(row["id"])
    for place, (batch, row_ids) in open_batches.items():
        yield *place, batch, row_ids


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


def _traced(row: Any, service: str) -> str | None:  # noqa: ANN401 (a database row)
    """An event's trace context: that of a span which tells how long it waited in the outbox, where spans are kept."""
    known = {"service": service, "key": row["key"]}
    with span(f"publish {row['topic']}", known, row["traceparent"], SpanKind.PRODUCER, row["time"]) as made:
        stated: str | None = row["traceparent"]
        return stated if made is None else traceparent.get()


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


class _Partitions(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """The work in hand per partition; what another process takes over is let go of."""

    def __init__(self) -> None:
        self.work: dict[TopicPartition, asyncio.Task[None]] = {}
        self.begun: dict[TopicPartition, int] = {}
        """Where the work in hand begins."""

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        tasks = [task for partition in revoked if (task := self.work.pop(partition, None))]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Nothing to prepare: positions are the group's."""


async def consume(consumer: Consumer, stopping: asyncio.Event) -> None:
    """Feed a service's consumer from Kafka until `stopping` is set.

    Each partition is worked on by a task of its own and paused meanwhile; polling goes on, so that a handler that
    waits for its database does not lose the group's membership. Offsets are committed after the effects.
    """
    pauses = backoff(MAX_RECONNECT_SECONDS)
    while not stopping.is_set():
        try:
            await _consume_until_stopped(consumer, stopping)
            pauses = backoff(MAX_RECONNECT_SECONDS)
        except Exception as error:
            if not is_infrastructure(error):
                log.exception("the consumer of %s failed", consumer.database.name)
            pause = next(pauses)
            log.warning("the consumer of %s joins anew in %.1f s: %s", consumer.database.name, pause, error)
            await any_of((stopping,), pause)


async def _consume_until_stopped(consumer: Consumer, stopping: asyncio.Event) -> None:
    partitions = _Partitions()
    kafka = AIOKafkaConsumer(
        **cluster(),
        group_id=settings().kafka_prefix + f"rounds.{consumer.database.name}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=15_000,
        heartbeat_interval_ms=3_000,
        max_poll_interval_ms=300_000,
        fetch_max_wait_ms=500,
    )
    kafka.subscribe([topic_name(topic) for topic in consumer.handlers], listener=partitions)
    measured = 0.0
    try:
        await kafka.start()
        while not stopping.is_set():
            for partition, records in (await kafka.getmany(timeout_ms=200, max_records=500)).items():
                kafka.pause(partition)
                partitions.begun[partition] = records[0].offset
                partitions.work[partition] = asyncio.create_task(
                    _work_off(kafka, consumer, partition, records, stopping)
                )
            for partition, task in list(partitions.work.items()):
                if task.done():
                    del partitions.work[partition]
                    task.result()
            if time.monotonic() >= measured + LAG_EVERY_SECONDS:
                measured = time.monotonic()
                CONSUMER_LAG.labels(consumer.database.name).set(await _lag(kafka, partitions))
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*partitions.work.values(), return_exceptions=True), 10)
        with suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(kafka.stop(), 5)


async def _lag(kafka: AIOKafkaConsumer, partitions: _Partitions) -> int:
    """Events of this process's partitions that are not handled yet."""
    lag = 0
    for partition in kafka.assignment():
        end = kafka.highwater(partition)
        if end is not None:
            at_work = partition in partitions.work
            lag += max(0, end - (partitions.begun[partition] if at_work else await kafka.position(partition)))
    return lag


async def _work_off(
    kafka: AIOKafkaConsumer,
    consumer: Consumer,
    partition: TopicPartition,
    records: list[ConsumerRecord],
    stopping: asyncio.Event,
) -> None:
    """Handle a partition's records in order, then commit the offset and let it be fetched again."""
    done = None
    try:
        for record in records:
            if stopping.is_set():
                break
            await consumer.handle(_envelope_of_record(record))
            done = record.offset + 1
    finally:
        if done is not None:
            await kafka.commit({partition: done})
    kafka.resume(partition)


def _envelope_of_record(record: ConsumerRecord) -> Envelope:
    """The event in a Kafka message; one without sound headers keeps a made-up id, and becomes a dead letter."""
    topic = record.topic.removeprefix(settings().kafka_prefix)
    key, value = (record.key or b"").decode(errors="replace"), record.value or b""
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    try:
        return Envelope.from_headers(headers, topic=topic, key=key, value=value)
    except (ValueError, OverflowError):
        log.warning("no CloudEvents headers at %s[%d]@%d", record.topic, record.partition, record.offset)
        return Envelope(
            id=uuid5(NAMESPACE_URL, f"{record.topic}/{record.partition}/{record.offset}"),
            type="unknown",
            topic=topic,
            key=key,
            source="unknown",
            subject=key,
            time=datetime.now(UTC),
            traceparent=None,
            value=value if not value.startswith(b"{") else b"",
        )
