"""Apache Kafka for tests.

with shared_kafka(root) as bootstrap: …          # once per session; keep tests apart by ROUNDS_KAFKA_PREFIX

async with own_kafka(tmp_path) as broker:        # a test's own, for faults; data outlive a restart
    broker.kill(); await started(broker); broker.pause(); broker.resume(); broker.stop()
Behind a proxy: own_kafka(tmp_path, port, advertised_port=proxy.port).
"""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from deploy.kafka import broker
from deploy.kafka.broker import Broker
from tests.support.shared import shared_server
from tests.support.wait import until

START_TIMEOUT_SECONDS = 60


@contextmanager
def shared_kafka(root: Path) -> Iterator[str]:
    """Give the bootstrap address of the session's broker, starting it (3 s) for the first worker that asks."""
    script = str(Path(broker.__file__))

    def command(data_dir: Path, port: int) -> list[str]:
        return [sys.executable, script, "--quick", "--data-dir", str(data_dir), "--port", str(port)]

    with shared_server(root, "kafka", command) as port:
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def own_kafka(folder: Path, port: int = 0, advertised_port: int | None = None) -> AsyncIterator[Broker]:
    """Run a broker of one test alone, which may be stopped, killed, paused and started again."""
    own = Broker(folder / "kafka", port, advertised_port)
    try:
        await started(own)
        yield own
    finally:
        own.kill()


async def started(own: Broker) -> None:
    """Start a broker (again) without blocking the loop, and wait until it serves clients."""
    own.launch()
    await until(own.ready, START_TIMEOUT_SECONDS)
