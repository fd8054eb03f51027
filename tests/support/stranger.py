"""The consumer in tests/deploy/stranger: another language, another Kafka client, and the AsyncAPI document alone."""

import fcntl
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.processes import Process, running

ROOT = Path(__file__).parents[2]
FOLDER = Path("tests") / "deploy" / "stranger"
ASYNCAPI = ROOT / "docs" / "asyncapi.yaml"


class Stranger:
    """A running consumer."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def heard(self) -> list[dict[str, Any]]:
        """The messages that it read so far, in its order."""
        return [json.loads(line) for line in self.process.log().splitlines() if line.startswith("{")]


def _install() -> None:
    """What the consumer needs, once: of two tests at the same time one waits for the other."""
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    with (cache / "stranger.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "--silent", f"{FOLDER}/node_modules"], cwd=ROOT, check=True)


@asynccontextmanager
async def stranger(
    bootstrap: str, group: str, log_path: Path, *topics: str, asyncapi: Path = ASYNCAPI
) -> AsyncIterator[Stranger]:
    """Run it, by default on all public topics; what it needs is installed first, once."""
    _install()
    script = str(ROOT / FOLDER / "consumer.mjs")
    command = ["bash", str(ROOT / "deploy" / "node.sh"), "node", script, str(asyncapi), bootstrap, group, *topics]
    async with running(command, log_path) as process:
        yield Stranger(process)
        await process.stop()  # killed, it would keep its partitions until its session ends
