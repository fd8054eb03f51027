"""The consumer of docs/events.md, as it stands there, against a real broker."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer
from uuid_utils.compat import uuid7

from contracts.executor import RunCompleted
from kit.settings import settings
from kit.topics import ensure_topics
from tests.support.events import enveloped
from tests.support.kafka import own_kafka
from tests.support.processes import running
from tests.support.wait import until

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "contracts" / "examples" / "run.completed"
PASSED, RETRIED = ((EXAMPLES / f"{name}.json").read_bytes() for name in ("passed", "to_be_retried"))


async def publish(bootstrap: str, events: Sequence[tuple[UUID, bytes]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for event_id, value in events:
            envelope = enveloped(RunCompleted.model_validate_json(value), event_id)
            headers = [(name, text.encode()) for name, text in envelope.headers().items()]
            await producer.send_and_wait(envelope.topic, value, envelope.key.encode(), headers=headers)


async def test_the_consumer_of_the_page_tells_each_final_run_once_even_when_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(code) == 1
    script = tmp_path / "consumer.py"
    script.write_text(code[0])
    first, second = uuid7(), uuid7()
    line = f"{RunCompleted.model_validate_json(PASSED).run_id} passed 100"

    async with own_kafka(tmp_path) as broker:
        monkeypatch.setenv("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap)
        settings.cache_clear()
        await ensure_topics()
        command, log = [sys.executable, str(script), broker.bootstrap, str(tmp_path / "seen")], tmp_path / "log"
        async with running(command, log) as consumer:
            await publish(broker.bootstrap, [(uuid7(), RETRIED), (first, PASSED), (first, PASSED)])
            await until(lambda: line in consumer.log(), 60)
        async with running(command, log) as consumer:
            await publish(broker.bootstrap, [(first, PASSED), (second, PASSED)])
            await until(lambda: consumer.log().count(line) == 2, 60)
        told = [text for text in log.read_text().splitlines() if text.endswith(" 100")]
    assert told == [line, line]
