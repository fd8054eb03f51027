"""Results and ends of case runs on their way to the database: kept until they are in it, written in groups."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID

from prometheus_client import Counter

from caselang.judgement import CaseVerdict
from kit.errors import is_infrastructure
from services.executor.db import database
from services.executor.usecases import results
from services.executor.usecases.ends import End
from services.executor.usecases.results import Result

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
GROUP_SECONDS = 0.02
MAX_BUFFERED = 5000
"""Results that may wait for the database before steps wait for it too."""

ENDED = Counter("rounds_executor_ended", "Case runs that ended here", ["status"])
STEPS = Counter("rounds_executor_steps", "Steps that ended here")
GROUPS = Counter("rounds_executor_groups", "Transactions that wrote results")


class Writer:
    """What a worker has done and nobody has stored yet."""

    def __init__(self, let_go: Callable[[UUID], None]) -> None:
        """`let_go` is told the lease token of each case run of which there is nothing more to write."""
        self.let_go = let_go
        self.results: list[Result] = []
        self.ends: list[End] = []
        self.waiting = asyncio.Event()
        self.written = asyncio.Event()
        self.again = False
        """An earlier try may have been committed although its answer was lost."""
        self.storing = asyncio.Lock()

    async def add(self, result: Result) -> None:
        """Take a step's result; waits while too many are here already."""
        self.results.append(result)
        STEPS.inc()
        self.waiting.set()
        while len(self.results) > MAX_BUFFERED:
            self.written.clear()
            await self.written.wait()

    def end(self, end: End) -> None:
        """Take the end of a case run, after all of its results."""
        self.ends.append(end)
        self.waiting.set()

    def forget(self, token: UUID) -> None:
        """Drop what a case run has not written yet."""
        self.results = [result for result in self.results if result.lease_token != token]
        self.ends = [end for end in self.ends if end.lease_token != token]

    async def write(self) -> float:
        """Write what has come together within some milliseconds, in one transaction.

        Raises: what the database raises while it is out of reach; all of it stays here then.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self.waiting.wait(), POLL_SECONDS)
        await asyncio.sleep(GROUP_SECONDS)
        await self.write_now()
        return 0

    async def write_now(self) -> None:
        """Write what is here, in the order in which it came. Raises: as `write`."""
        async with self.storing:
            await self._write()

    async def _write(self) -> None:
        self.waiting.clear()
        if not (self.results or self.ends):
            return
        group, self.results = self.results, []
        ends, self.ends = self.ends, []
        try:
            await self._store(group, ends, again=self.again)
        except Exception as error:
            if is_infrastructure(error):
                self._take_back(group, ends)
                raise
            log.exception("results could not be written together; each case run by itself now")
            await self._write_singly(group, ends)
        self.again = False
        self.written.set()

    async def _store(self, group: Sequence[Result], ends: Sequence[End], *, again: bool) -> None:
        async with database.transaction() as session:
            await results.write_group(session, group, ends, again=again)
        GROUPS.inc()
        for end in ends:
            ENDED.labels(end.status).inc()
            if end.lease_token is not None:
                self.let_go(end.lease_token)

    def _take_back(self, group: Sequence[Result], ends: Sequence[End]) -> None:
        self.results, self.ends, self.again = [*group, *self.results], [*ends, *self.ends], True
        self.waiting.set()

    async def _write_singly(self, group: Sequence[Result], ends: Sequence[End]) -> None:
        """One transaction per case run; what an unreachable database leaves over is kept."""
        left = list(dict.fromkeys([result.lease_token for result in group] + [end.lease_token for end in ends]))
        try:
            while left:
                mine = [result for result in group if result.lease_token == left[0]]
                await self._write_one(mine, [end for end in ends if end.lease_token == left[0]])
                left.pop(0)
        except Exception:
            self._take_back(
                [result for result in group if result.lease_token in left],
                [end for end in ends if end.lease_token in left],
            )
            raise

    async def _write_one(self, mine: Sequence[Result], ends: Sequence[End]) -> None:
        """What the database refuses of a case run ends it, by the platform's fault."""
        try:
            await self._store(mine, ends, again=True)
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.exception("the results of one case run cannot be written")
            await self._end_unwritable(mine[0] if mine else ends[0])

    async def _end_unwritable(self, one: Result | End) -> None:
        verdict, token = CaseVerdict("error", "platform"), one.lease_token
        lost = End(one.run_id, one.position, one.data_row, token, verdict, "error", reason="unwritable")
        try:
            await self._store([], [lost], again=False)
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.exception("a case run cannot even be ended; it is left to the reaper")
            if token is not None:
                self.let_go(token)
        if token is not None:
            self.forget(token)
