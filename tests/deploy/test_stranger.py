"""Somebody else builds on Rounds' events, in another language, and knows nothing but docs/asyncapi.yaml."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from uuid_utils.compat import uuid7

from contracts.cloudevents import Envelope
from contracts.topics import TOPICS, topic_named
from kit.settings import settings
from kit.topics import ensure_topics
from tests.support.kafka import own_kafka
from tests.support.stranger import ASYNCAPI, ROOT, stranger
from tests.support.wait import until

pytestmark = pytest.mark.timeout(400)  # the first time Node.js and its packages are fetched

PUBLIC = [topic.name for topic in TOPICS if topic.public]
EXAMPLES = {path: path.parent.name for path in sorted((ROOT / "contracts" / "examples").glob("*/*.json"))}


def envelope(topic: str, value: bytes) -> Envelope:
    event = topic_named(topic)
    return Envelope(
        id=uuid7(),
        type=event.event.event_type(),
        topic=topic,
        key="7",
        source=f"/rounds/{event.producer}",
        subject="7",
        time=datetime.now(UTC),
        traceparent=None,
        value=value,
    )


async def publish(bootstrap: str, *envelopes: Envelope) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for one in envelopes:
            headers = [(name, text.encode()) for name, text in one.headers().items()]
            await producer.send_and_wait(one.topic, one.value, one.key.encode(), headers=headers)


async def test_every_public_event_is_what_the_document_says_and_what_is_not_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = [envelope(topic, path.read_bytes()) for path, topic in EXAMPLES.items() if topic in PUBLIC]
    assert {one.topic for one in sound} == set(PUBLIC)
    broken = envelope("run.completed", b'{"run_id": 7}')
    async with own_kafka(tmp_path) as broker:
        monkeypatch.setenv("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap)
        settings.cache_clear()
        await ensure_topics()
        await publish(broker.bootstrap, *sound, broken)
        async with stranger(broker.bootstrap, "first", tmp_path / "first.log") as first:
            await until(lambda: len(first.heard()) == len(sound) + 1, 60)
        faults = {one["id"]: one["faults"] for one in first.heard()}
        assert {id_: found for id_, found in faults.items() if id_ != str(broken.id)} == {
            str(one.id): [] for one in sound
        }
        assert "value/run_id must be string" in faults[str(broken.id)]

        # A group that comes back goes on where it was; a new one hears all of it again, under the same ids.
        await publish(broker.bootstrap, last := envelope("case.completed", sound[0].value))
        async with stranger(broker.bootstrap, "first", tmp_path / "again.log") as again:
            await until(lambda: [one["id"] for one in again.heard()] == [str(last.id)], 60)
        replayed = [one for one in (*sound, broken, last) if one.topic in {"case.completed", "run.completed"}]
        topics = ("case.completed", "run.completed")
        async with stranger(broker.bootstrap, "second", tmp_path / "second.log", *topics) as second:
            await until(lambda: {one["id"] for one in second.heard()} == {str(one.id) for one in replayed}, 60)


async def test_a_document_that_is_no_asyncapi_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "asyncapi.yaml"
    wrong.write_text(ASYNCAPI.read_text().replace("action: send", "action: shout", 1))
    async with stranger("127.0.0.1:1", "none", tmp_path / "log", asyncapi=wrong) as refusing:
        await until(lambda: refusing.process.returncode() is not None, 60)
        assert refusing.process.returncode() == 1
        assert "action" in refusing.process.log()
