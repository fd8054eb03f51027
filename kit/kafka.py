"""Kafka: the loop that feeds a consumer."""

import asyncio
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from contracts.cloudevents import Envelope
from kit.consume import Consumer, backoff
from kit.errors import is_infrastructure
from kit.relay import MAX_RECONNECT_SECONDS
from kit.settings import settings
from kit.topics import cluster, topic_name
from kit.wake import any_of

log = logging.getLogger(__name__)

LAG_EVERY_SECONDS = 5.0
CONSUMER_LAG = Gauge("rounds_consumer_lag", "Events that wait in the partitions of this process", ["service"])


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
