"""The clients of Kafka, where no broker answers."""

import asyncio
import gc
import warnings
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from deploy.kafka.broker import free_port
from kit import kafka as carrier
from kit import relay
from kit.settings import settings
from kit.topics import ensure_topics
from tests.kit.conftest import Toys
from tests.support.wait import until


async def test_a_client_that_cannot_start_is_closed(
    toys: Toys, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    settings.cache_clear()
    left_open: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: left_open.append(context["message"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        work = [
            asyncio.create_task(relay.relay(toys.catalog.database)),
            asyncio.create_task(carrier.consume(toys.executor.consumer, asyncio.Event())),
        ]
        await until(lambda: "the relay of catalog starts anew" in caplog.text)
        await until(lambda: "the consumer of executor joins anew" in caplog.text)
        with pytest.raises(KafkaError):
            await ensure_topics()
        for task in work:
            task.cancel()
        await asyncio.wait(work)
        gc.collect()
    assert left_open == []
