"""Processes of a test: started with their output in a file, waited for, ended, and their whole group proved dead."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

from deploy.kafka.broker import die_with_parent
from tests.support.wait import until


class Process:
    """A command that can be started again after it ended. Start it from the test itself, not from a thread."""

    def __init__(
        self,
        command: Sequence[str],
        log_path: Path,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Keep what `start` needs. `env` is added to the environment of the test; `pass_fds` are inherited."""
        self.pass_fds = pass_fds
        self.command = [str(part) for part in command]
        self.log_path = log_path
        self.env = {**os.environ, **(env or {})}
        self.popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Fork; output is appended to the log. The process leads a group of its own."""
        with self.log_path.open("ab") as log:
            self.popen = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                pass_fds=self.pass_fds,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call, no lock is taken
            )

    @property
    def pid(self) -> int:
        """Process id, and the id of its group.

        Raises: RuntimeError when it was never started.
        """
        if self.popen is None:
            message = "the process was never started"
            raise RuntimeError(message)
        return self.popen.pid

    def returncode(self) -> int | None:
        """Exit code, minus the signal number when one ended it, None while it runs."""
        return None if self.popen is None else self.popen.poll()

    def log(self) -> str:
        """Everything written to standard output and error so far."""
        return self.log_path.read_text(errors="replace")

    async def ready(self, url: str, timeout: float = 90) -> None:  # noqa: ASYNC109 - `until` says what was seen
        """Wait until `url` answers below 400.

        Raises: AssertionError with the log when the process ends or is not ready in time.
        """
        async with httpx.AsyncClient(timeout=2) as client:

            async def answers() -> bool:
                assert self.returncode() is None, f"ended with {self.returncode()}:\n{self.log()[-3000:]}"
                with suppress(httpx.TransportError):
                    return (await client.get(url)).status_code < httpx.codes.BAD_REQUEST
                return False

            await until(answers, timeout)

    async def stop(self, sig: signal.Signals = signal.SIGTERM, grace: float = 15) -> int:
        """Send `sig`, wait for the end, prove that the whole group is dead, and return the exit code.

        Raises: AssertionError when it outlives the grace period (seconds) or leaves a child; they are killed first.
        """
        if self.returncode() is None:
            os.kill(self.pid, sig)
        try:
            await until(lambda: self.returncode() is not None, grace)
            await until(lambda: not self.members(), 2)
        finally:
            await self.kill()
        code = self.returncode()
        assert code is not None
        return code

    async def kill(self) -> None:
        """End the whole group at once with SIGKILL and wait until it is gone."""
        if self.popen is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await until(lambda: self.returncode() is not None)
        await until(lambda: not self.members())

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing is answered."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def members(self) -> list[int]:
        """Ids of the living processes of its group."""
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _in_group(entry, self.pid)]


@asynccontextmanager
async def running(
    command: Sequence[str], log_path: Path, env: Mapping[str, str] | None = None, url: str | None = None
) -> AsyncIterator[Process]:
    """Run a command for the length of a block, waiting for `url` first when given; killed with its group at the end.

    Use: `async with running([rounds, "serve", "auth"], tmp_path / "auth.log", env, f"{base}/readyz") as auth: …`
    """
    process = Process(command, log_path, env)
    process.start()
    try:
        if url is not None:
            await process.ready(url)
        yield process
    finally:
        await process.kill()


def _in_group(entry: Path, group: int) -> bool:
    try:
        state, _parent, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return int(its_group) == group and state != "Z"
