"""The worker: claims case runs with a lease, keeps them in the air, and gives back what it cannot finish."""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from prometheus_client import Gauge

from caselang.document import Case, parse
from caselang.faults import DocumentInvalid
from caselang.judgement import CaseVerdict
from caselang.supported import EVERYTHING
from kit.consume import backoff
from kit.crypto import DecryptionFailed, EncryptionKeysInvalid
from kit.errors import DependencyUnavailable, is_infrastructure
from kit.settings import settings
from kit.telemetry import note, piece_of_work
from kit.telemetry import run_id as run_id_context
from services.executor.clients.http import HttpClient
from services.executor.clients.peers import look_up
from services.executor.db import database
from services.executor.loops.writer import GROUP_SECONDS, POLL_SECONDS, Writer
from services.executor.queries import definitions
from services.executor.runner.case import run_case
from services.executor.runner.place import place_of
from services.executor.runner.plan import Plan, Signals, StepReport
from services.executor.settings import executor_settings
from services.executor.usecases import claims, replicas, starts, workers
from services.executor.usecases.ends import End
from services.executor.usecases.results import Result
from services.executor.usecases.starts import Claimed

log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 4
LOOK_SECONDS = 1.0
"""Between two looks for cancelled runs."""
CUT_AFTER_SECONDS = 3.0
"""How long a step may go on once its run was cancelled."""
TRIAL_MS = 30_000
"""How long a document that is not saved may run."""
COMPILED_KEPT = 2000

HELD = Gauge("rounds_executor_case_runs", "Case runs in the air in this process")

Key = tuple[Any, ...]
Compiled = tuple[Case, Mapping[int, Case]]


@dataclass
class _Held:
    """A case run in the air."""

    claimed: Claimed
    compiled: Compiled | None = None
    """Kept from an earlier run; None: the document has to be read."""
    signals: Signals = field(default_factory=Signals)
    task: "asyncio.Task[None] | None" = None
    ended: bool = False


class Worker:
    """One per process. Its methods are the passes of the executor's loops."""

    def __init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Begin with nothing in hand."""
        self.id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.http = HttpClient()
        self.held: dict[UUID, _Held] = {}
        self.writer = Writer(self._let_go)
        self.freed = asyncio.Event()
        self.compiled: OrderedDict[Key, Compiled] = OrderedDict()
        self.compiling = asyncio.Lock()
        self.renewed = 0.0

    async def start(self) -> None:
        """Begin with nothing in hand, in the event loop that runs now."""
        self.open()

    # --- claiming

    async def work(self) -> float:
        """Claim as many case runs as there is room for, and set them going."""
        slots = executor_settings().concurrency - len(self.held)
        if slots <= 0:
            self.freed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.freed.wait(), POLL_SECONDS)
            return 0
        async with database.transaction() as session:
            claimed = await claims.claim(session, self.id, slots)
        if not claimed:
            return POLL_SECONDS
        try:
            async with database.transaction() as session:
                prepared = await starts.prepare(session, claimed)
                taken = [_Held(one, self.compiled.get(_key(one))) for one in prepared.ready]
                wanted = [held.claimed for held in taken if held.compiled is None]
                documents = await definitions.documents(session, [(one.run_id, one.position) for one in wanted])
        except Exception as error:
            if is_infrastructure(error):
                async with database.transaction() as session:
                    await claims.release(session, [claims.Release(c["run_id"], c["lease_token"]) for c in claimed])
            raise
        for held in taken:
            one = held.claimed
            self.held[one.lease_token] = held
            held.task = asyncio.create_task(self._run(held, documents.get((one.run_id, one.position))))
        HELD.set(len(self.held))
        if prepared.unknown_cases or prepared.unknown_environments:
            await self._ask(prepared)
        return 0

    async def _ask(self, prepared: starts.Prepared) -> None:
        """Ask the catalog about what the replicas have been missing for some seconds."""
        try:
            answers = await look_up(prepared.unknown_cases, prepared.unknown_environments)
        except DependencyUnavailable as error:
            log.warning("the catalog cannot be asked about cases that are missing here: %s", error)
            return
        async with database.transaction() as session:
            for answer in answers:
                await replicas.keep_looked_up(session, answer)

    async def _run(self, held: _Held, stored: Any) -> None:  # noqa: ANN401 (a definition's row)
        claimed = held.claimed
        run_id_context.set(str(claimed.run_id))
        try:
            if claimed.locks and not await self._take_locks(claimed):
                await self._give_back([held], pause=1, locked=True)
                return
            plan = await self._plan(held, stored)
            with piece_of_work("case run", claimed.traceparent, claimed.facts()) as traced:
                ended = await run_case(plan, self.http, lambda report: self._report(claimed, report), held.signals)
                note(traced, status=ended.status)
            end = _end(
                claimed,
                ended.verdict,
                ended.status,
                reason=ended.reason,
                duration_ms=ended.duration_ms,
                tries=ended.tries,
                teardown_status=ended.teardown_status,
                first_failure=ended.first_failure,
                variables=ended.variables,
            )
        except (DocumentInvalid, DecryptionFailed, EncryptionKeysInvalid, ValueError) as error:
            log.warning("case %d cannot be run: %s", claimed.case_id, error)
            reason = "document_invalid" if isinstance(error, DocumentInvalid) else "configuration_invalid"
            end = _end(claimed, CaseVerdict("error", "config"), "error", reason=reason)
        except Exception as error:
            log.exception("running case %d failed", claimed.case_id)
            reason = "database_unavailable" if is_infrastructure(error) else "runner_failed"
            end = _end(claimed, CaseVerdict("error", "platform"), "error", reason=reason)
        held.ended = True
        self.writer.end(end)

    async def _take_locks(self, claimed: Claimed) -> bool:
        async with database.transaction() as session:
            return await claims.take_locks(
                session, claimed.run_id, claimed.lease_token, claimed.environment_id or 0, claimed.locks
            )

    async def _plan(self, held: _Held, stored: Any) -> Plan:  # noqa: ANN401 (a definition's row)
        claimed = held.claimed
        case, called = await self._compile(held, stored)
        if claimed.trial:
            options = case.options.model_copy(update={"timeout_ms": min(case.options.timeout_ms, TRIAL_MS)})
            case = case.model_copy(update={"options": options})
        rows = case.data or []
        return Plan(
            case=case,
            called=called,
            row=rows[claimed.data_row] if 0 <= claimed.data_row < len(rows) else None,
            place=place_of(claimed.project, claimed.environment),
            failed_stop=claimed.failed_stop,
            only_failed_log=claimed.only_failed_log,
            until_step=claimed.until_step,
            case_id=claimed.case_id,
        )

    async def _compile(self, held: _Held, stored: Any) -> Compiled:  # noqa: ANN401 (a definition's row)
        """The case as models, kept by revision: reading it anew for every run would cost more than running it.

        Read in a thread, one at a time, so that the loop gets its turn every 5 ms: 500 steps take some 50 ms.
        """
        key = _key(held.claimed)
        found = held.compiled or self.compiled.get(key)
        if found is None:
            async with self.compiling:
                found = self.compiled.get(key)
                if found is None:
                    found = await asyncio.to_thread(_read, stored)
        self.compiled[key] = found
        self.compiled.move_to_end(key)
        if len(self.compiled) > COMPILED_KEPT:
            self.compiled.popitem(last=False)
        return found

    async def _report(self, claimed: Claimed, report: StepReport) -> None:
        await self.writer.add(
            Result(
                run_id=claimed.run_id,
                position=claimed.position,
                data_row=claimed.data_row,
                start_no=claimed.start_no,
                lease_token=claimed.lease_token,
                case_id=claimed.case_id,
                environment_id=claimed.environment_id or 0,
                revision=claimed.revision,
                report=report,
            )
        )

    async def write(self) -> float:
        """Write what has come together within some milliseconds."""
        return await self.writer.write()

    def _let_go(self, token: UUID) -> None:
        held = self.held.pop(token, None)
        if held is not None and held.task and not held.ended:
            held.task.cancel()
        HELD.set(len(self.held))
        self.freed.set()

    # --- leases

    async def watch(self) -> float:
        """Tell that this worker lives, renew the leases, stop what lost its own, and stop what was cancelled."""
        renewing = time.monotonic() - self.renewed >= executor_settings().lease_seconds / RENEWALS_PER_LEASE
        if not (self.held or renewing):
            return LOOK_SECONDS
        held = {token: one.claimed.run_id for token, one in self.held.items()}
        async with database.transaction() as session:
            cancelled = await claims.cancelling(session, held.values())
            still = await claims.renew(session, self.id, held) if renewing else set(held)
            if renewing:
                await workers.beat(session, self.id, executor_settings().concurrency)
        if renewing:
            self.renewed = time.monotonic()
        for token, run_id in held.items():
            one = self.held.get(token)
            if one is None:
                continue
            if token not in still and not one.ended:
                log.warning("the lease of a case run was lost; nothing more of it is written")
                self._drop(one)
            elif run_id in cancelled:
                one.signals.cancel(CUT_AFTER_SECONDS)
        return LOOK_SECONDS

    def _drop(self, held: _Held) -> None:
        """Stop a case run, and forget what it has not written yet."""
        self.writer.forget(held.claimed.lease_token)
        self._let_go(held.claimed.lease_token)

    async def _give_back(self, helds: Sequence[_Held], pause: float = 0, *, locked: bool = False) -> None:
        async with database.transaction() as session:
            await claims.release(
                session,
                [
                    claims.Release(one.claimed.run_id, one.claimed.lease_token, pause=pause, locked=locked)
                    for one in helds
                ],
            )
        for one in helds:
            one.ended = True
            self._let_go(one.claimed.lease_token)

    # --- the end

    async def drain(self) -> None:
        """At shutdown: finish what can be finished in time, give the rest back to the queue.

        Leases are renewed meanwhile. While the database is away everything is tried again as long as there is time;
        what cannot even be given back starts once more when its lease is over.
        """
        grace = settings().grace_seconds
        finish_by, give_back_by = time.monotonic() + grace * 0.7, time.monotonic() + grace * 0.9
        try:
            looked = time.monotonic()
            while self.held and time.monotonic() < finish_by:
                await _attempt(self.writer.write_now)
                if time.monotonic() - looked >= LOOK_SECONDS:
                    looked = time.monotonic()
                    await _attempt(self.watch)
                await asyncio.sleep(GROUP_SECONDS)
            left = [one for one in self.held.values() if not one.ended]
            for one in left:
                self._drop(one)
            await asyncio.gather(*(one.task for one in left if one.task), return_exceptions=True)
            for pause in backoff(LOOK_SECONDS):
                if await _attempt(partial(self._leave, left)) or time.monotonic() > give_back_by:
                    break
                await asyncio.sleep(pause)
        finally:
            await self.http.close()

    async def _leave(self, left: Sequence[_Held]) -> None:
        """Write what has ended, give back what has not, and be no worker any more."""
        await self.writer.write_now()
        await self._give_back(left)
        async with database.transaction() as session:
            await workers.leave(session, self.id)
        if left:
            log.info("%d case runs given back to the queue", len(left))


async def _attempt(work: Callable[[], Awaitable[object]]) -> bool:
    """Do something; False: the database is out of reach."""
    try:
        await work()
    except Exception as error:
        if not is_infrastructure(error):
            raise
        log.warning("not done while stopping: %s", error)
        return False
    return True


def _read(stored: Any) -> Compiled:  # noqa: ANN401 (a definition's row)
    called = {int(id_): parse(one["document"], EVERYTHING) for id_, one in stored.called.items()}
    return parse(stored.document, EVERYTHING), called


def _key(claimed: Claimed) -> Key:
    own = claimed.run_id if claimed.trial else None
    return (claimed.case_id, claimed.revision, own, *sorted(claimed.called.items()))


def _end(claimed: Claimed, verdict: CaseVerdict, status: str, **more: Any) -> End:  # noqa: ANN401 (fields)
    return End(
        claimed.run_id, claimed.position, claimed.data_row, claimed.lease_token, verdict=verdict, status=status, **more
    )
