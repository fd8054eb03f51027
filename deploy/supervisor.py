"""Keeps a set of processes running: starts them in stages, starts again what dies, stops all in reverse order.

Sockets that processes serve on are held open here: a caller waits while one is started again, and is not refused.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.kafka.broker import LIBC, PR_SET_PDEATHSIG

RESTART_AFTER_SECONDS = 1
START_AGAIN_SECONDS = 120
CHECK_EVERY_SECONDS = 0.1
LOG_TAIL_CHARACTERS = 3000


class StartError(Exception):
    """A process does not become ready, or a command fails."""


class StopRequestedError(Exception):
    """Somebody asked to stop while something was being waited for."""


@dataclass
class Child:
    """A process to keep running. `env` is added to the supervisor's own; `ready` tells whether it serves."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    ready: Callable[[], bool] = lambda: True
    listener: socket.socket | None = None
    """What it serves on; it inherits the file descriptor."""
    process: subprocess.Popen[bytes] | None = None
    restart_at: float = 0
    """`time.monotonic()` at which a dead child is started again."""


class Supervisor:
    """Owns the children. Use it from the main thread: the kernel ends the children when that thread ends."""

    def __init__(self, log_dir: Path, grace_seconds: float) -> None:
        """Prepare; each child's output is appended to `log_dir/<name>.log`."""
        self.log_dir = log_dir
        self.grace_seconds = grace_seconds
        self.stages: list[list[Child]] = []
        self.stop_requests = 0
        self.restart_requested = False

    def request_restart(self) -> None:
        """Ask to restart one child after the other; safe in a signal handler."""
        self.restart_requested = True

    def request_stop(self) -> None:
        """Ask to stop; safe in a signal handler. A second time: without any more grace."""
        self.stop_requests += 1

    def start_stage(self, children: list[Child], timeout_seconds: float) -> None:
        """Start children together and wait until all are ready. They are stopped together, later stages first.

        Raises: StartError with the end of a log; StopRequestedError.
        """
        self.stages.append(children)
        for child in children:
            self._spawn(child)
        self._await(children, timeout_seconds)

    def _await(self, children: list[Child], timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        waiting = children
        while waiting := [child for child in waiting if not (_alive(child) and child.ready())]:
            if time.monotonic() > deadline:
                raise StartError(f"{waiting[0].name} is not ready; its log ends with\n{self._log_tail(waiting[0])}")
            self._pause()
            self.check()

    def run_once(self, child: Child) -> None:
        """Run a command to its end while the children are kept running.

        Raises: StartError when it fails, with the end of its log; StopRequestedError.
        """
        self._spawn(child)
        try:
            while _alive(child):
                self._pause()
                self.check()
        finally:
            _kill_group(child)
        if child.process is not None and child.process.returncode != 0:
            raise StartError(f"`{child.name}` failed; its log ends with\n{self._log_tail(child)}")

    def run(self) -> None:
        """Keep the children running until a stop is requested, which raises StopRequestedError."""
        while True:
            self._pause()
            self.check()
            if self.restart_requested:
                self.restart_requested = False
                self.restart_all()

    def restart_all(self) -> None:
        """Stop and start one child after the other, going on when it is ready again.

        Raises: StartError with the end of a log; StopRequestedError.
        """
        for child in [child for stage in self.stages for child in stage]:
            print(f"{child.name} is restarted", flush=True)
            self._stop([child])
            self._spawn(child)
            self._await([child], START_AGAIN_SECONDS)
        print("everything is restarted", flush=True)

    def check(self) -> None:
        """Start again, a second after its end, each child that has ended."""
        for child in (child for stage in self.stages for child in stage if not _alive(child)):
            if not child.restart_at:
                code = None if child.process is None else child.process.returncode
                print(f"{child.name} ended with code {code}, is started again", flush=True)
                _kill_group(child)
                child.restart_at = time.monotonic() + RESTART_AFTER_SECONDS
            elif time.monotonic() >= child.restart_at:
                self._spawn(child)

    def stop_all(self) -> None:
        """Stop every child, the last stage first, and kill what outlives the grace period or a second request."""
        for stage in reversed(self.stages):
            self._stop(stage)
        self.stages.clear()

    def _stop(self, children: Sequence[Child]) -> None:
        for child in children:
            if _alive(child) and child.process is not None:
                child.process.send_signal(child.stop_signal)
        deadline = time.monotonic() + self.grace_seconds
        while any(_alive(child) for child in children) and time.monotonic() < deadline and self.stop_requests < 2:  # noqa: PLR2004
            time.sleep(CHECK_EVERY_SECONDS / 5)
        for child in children:
            if _alive(child):
                print(f"{child.name} does not stop, is killed", flush=True)
            _kill_group(child)

    def _spawn(self, child: Child) -> None:
        parent = os.getpid()

        def die_with_parent() -> None:
            LIBC.prctl(PR_SET_PDEATHSIG, child.stop_signal)
            if os.getppid() != parent:
                os._exit(1)

        with (self.log_dir / f"{child.name}.log").open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                env={**os.environ, **child.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[child.listener.fileno()] if child.listener else [],
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - two system calls, no lock is taken
            )
        child.restart_at = 0

    def _pause(self) -> None:
        if self.stop_requests:
            raise StopRequestedError
        time.sleep(CHECK_EVERY_SECONDS)

    def _log_tail(self, child: Child) -> str:
        return (self.log_dir / f"{child.name}.log").read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]


def _alive(child: Child) -> bool:
    return child.process is not None and child.process.poll() is None


def _kill_group(child: Child) -> None:
    """End what is left of the child's group: nginx's workers outlive their killed master, for one."""
    if child.process is not None:
        with suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
