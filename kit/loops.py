"""Background loops: supervised, woken early when there is work, drained in order at shutdown."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from prometheus_client import Counter

from kit.consume import backoff
from kit.db import Database
from kit.errors import is_infrastructure
from kit.wake import any_of

log = logging.getLogger(__name__)

MAX_PAUSE_SECONDS = 5.0

FAILURES = Counter("rounds_loop_failures", "Passes of a background loop that failed", ["service", "loop"])
LEASES_LOST = Counter("rounds_leases_lost", "Work that was taken back from a worker that had gone silent", ["service"])


@dataclass(frozen=True)
class Loop:
    """Work that is done again and again."""

    step: Callable[[], Awaitable[float]]
    """One pass; opens its own transactions, and answers the seconds to sleep before the next (0: at once)."""
    wake: str | None = None
    """A channel of the service's schema that ends the sleep early."""
    drain: Callable[[], Awaitable[None]] | None = None
    """At shutdown, after the last pass: finish or release what the passes have left in work."""

    @property
    def name(self) -> str:
        """The step's name."""
        return self.step.__name__


async def run_loop(loop: Loop, database: Database, stopping: asyncio.Event) -> None:
    """Pass after pass until `stopping` is set. A pass that fails is logged, counted, and tried again with backoff."""
    pauses = backoff(MAX_PAUSE_SECONDS)
    with database.wakeups.bell(loop.wake or "") as bell:
        while not stopping.is_set():
            bell.clear()
            try:
                pause = await loop.step()
                pauses = backoff(MAX_PAUSE_SECONDS)
            except Exception as error:
                pause = next(pauses)
                FAILURES.labels(database.name, loop.name).inc()
                if is_infrastructure(error):
                    log.warning("%s.%s pauses %.1f s: %s", database.name, loop.name, pause, error)
                else:
                    log.exception("%s.%s failed; next pass in %.1f s", database.name, loop.name, pause)
            if pause > 0:
                await any_of((bell, stopping), pause)
    if loop.drain is not None:
        await loop.drain()


@dataclass
class Supervisor:
    """Holds the tasks of a process and knows whether one has died, which none may do before the shutdown."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    started: bool = False
    """Whether all that belongs to the process has been started."""
    stop_by: float | None = None
    """When the grace period is over, by the monotonic clock; None: nobody stops it."""

    def start(self, name: str, work: Awaitable[None]) -> None:
        """Run the work as a task of this process."""
        self.tasks[name] = asyncio.ensure_future(work)

    def dead(self) -> list[str]:
        """Names of tasks that ended although nobody stopped them."""
        return [name for name, task in self.tasks.items() if task.done() and not self.stopping.is_set()]

    async def drain(self, grace_seconds: float) -> None:
        """Let each task finish what it holds; the grace period begins with the first call."""
        self.stopping.set()
        self.stop_by = self.stop_by or time.monotonic() + grace_seconds
        if graceful := self._graceful():
            await asyncio.wait(graceful, timeout=max(self.stop_by - time.monotonic(), 0))

    def _graceful(self) -> list[asyncio.Task[None]]:
        return [task for name, task in self.tasks.items() if not name.startswith("endless:")]

    async def stop(self, grace_seconds: float) -> None:
        """Let each task finish what it holds, then cancel the rest: endless ones, and those past the grace period."""
        await self.drain(grace_seconds)
        for name, task in self.tasks.items():
            if not task.done():
                if task in self._graceful():
                    log.warning("%s did not finish within %.0f s", name, grace_seconds)
                task.cancel()
        for name, task in self.tasks.items():
            with suppress(asyncio.CancelledError):
                try:
                    await task
                except Exception:
                    log.exception("%s ended with an error", name)
