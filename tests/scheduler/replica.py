"""Replicas of the scheduler that start at once: forked from a process that has all of Rounds imported already."""

import multiprocessing
import os
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx

from cli import serve
from deploy.kafka.broker import die_with_parent, free_port
from services.scheduler import main  # noqa: F401 (imported once, for every replica)
from tests.support.wait import until

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["__main__", __name__])


class Replica:
    """A scheduler that may be killed and started again and again, at one address."""

    def __init__(self, log_path: Path) -> None:
        """Settings are those of the moment of each start; output is appended to the log."""
        self.log_path = log_path
        self.port = free_port()
        self.process: ForkServerProcess | None = None

    def start(self) -> None:
        """Fork a new process."""
        self.process = _context.Process(
            target=_serve, args=(dict(os.environ), str(self.log_path), self.port), daemon=True
        )
        self.process.start()

    async def ready(self) -> None:
        """Wait until it serves. Raises: AssertionError with the log when it ended."""
        async with httpx.AsyncClient(timeout=5) as client:

            async def answers() -> bool:
                assert self.process is not None
                assert self.process.exitcode is None, self.log_path.read_text()[-3000:]
                with suppress(httpx.TransportError):
                    return (await client.get(f"http://127.0.0.1:{self.port}/readyz")).is_success
                return False

            await until(answers, 60)

    async def kill(self) -> int | None:
        """End it with SIGKILL; answers how it ended (-9), None if it was never started."""
        process = self.process
        if process is None:
            return None
        process.kill()
        await until(lambda: process.exitcode is not None)
        return process.exitcode


def _serve(environment: Mapping[str, str], log_path: str, port: int) -> None:
    die_with_parent()
    os.environ.update(environment)
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    serve.run(["scheduler"], "127.0.0.1", port)
