"""The worker: claims case runs, keeps them in the air, writes what they did; and the reaper, and the housekeeping."""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prometheus_client import Counter, Gauge

from caselang.document import Case, parse
from caselang.faults import DocumentInvalid
from caselang.judgement import CaseVerdict
from caselang.supported import EVERYTHING
from kit.crypto import DecryptionFailed, EncryptionKeysInvalid
from kit.errors import DependencyUnavailable, is_infrastructure
from kit.partitions import keep_daily_partitions
from kit.settings import settings
from kit.telemetry import run_id as run_id_context
from services.executor.clients.http import HttpClient
from services.executor.clients.peers import look_up
from services.executor.db import database
from services.executor.queries import definitions
from services.executor.runner.case import run_case
from services.executor.runner.place import place_of
from services.executor.runner.plan import Plan, Signals, StepReport
from services.executor.settings import executor_settings
from services.executor.usecases import claims, housekeeping, replicas, results, starts
from services.executor.usecases.ends import End
from services.executor.usecases.starts import Claimed

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
GROUP_SECONDS = 0.02
RENEWALS_PER_LEASE = 4
LOOK_SECONDS = 1.0
"""Between two looks for cancelled runs."""
REAP_SECONDS = 5.0
CUT_AFTER_SECONDS = 3.0
"""How long a step may go on once its run was cancelled."""
TRIAL_MS = 30_000
"""How long a document that is not saved may run."""
MAX_BUFFERED = 5000
"""Results that may wait for the database before steps wait for it too."""
COMPILED_KEPT = 2000

HELD = Gauge("rounds_executor_case_runs", "Case runs in the air in this process")
ENDED = Counter("rounds_executor_ended", "Case runs that ended here", ["status"])
STEPS = Counter("rounds_executor_steps", "Steps that ended here")
GROUPS = Counter("rounds_executor_groups", "Transactions that wrote results")

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
        self.results: list[results.Result] = []
        self.ends: list[End] = []
        self.written = asyncio.Event()
        self.waiting = asyncio.Event()
        self.freed = asyncio.Event()
        self.compiled: OrderedDict[Key, Compiled] = OrderedDict()
        self.renewed = 0.0
        self.again = False

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
            plan = self._plan(held, stored)
            ended = await run_case(plan, self.http, lambda report: self._report(claimed, report), held.signals)
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
        self.ends.append(end)
        self.waiting.set()

    async def _take_locks(self, claimed: Claimed) -> bool:
        async with database.transaction() as session:
            return await claims.take_locks(
                session, claimed.run_id, claimed.lease_token, claimed.environment_id or 0, claimed.locks
            )

    def _plan(self, held: _Held, stored: Any) -> Plan:  # noqa: ANN401 (a definition's row)
        claimed = held.claimed
        case, called = self._compile(held, stored)
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

    def _compile(self, held: _Held, stored: Any) -> Compiled:  # noqa: ANN401 (a definition's row)
        """The case as models, kept by revision: reading it anew for every run would cost more than running it."""
        key = _key(held.claimed)
        found = held.compiled or self.compiled.get(key)
        if found is None:
            called = {int(id_): parse(one["document"], EVERYTHING) for id_, one in stored.called.items()}
            found = parse(stored.document, EVERYTHING), called
        self.compiled[key] = found
        self.compiled.move_to_end(key)
        if len(self.compiled) > COMPILED_KEPT:
            self.compiled.popitem(last=False)
        return found

    # --- writing

    async def _report(self, claimed: Claimed, report: StepReport) -> None:
        self.results.append(
            results.Result(
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
        STEPS.inc()
        self.waiting.set()
        while len(self.results) > MAX_BUFFERED:
            self.written.clear()
            await self.written.wait()

    async def write(self) -> float:
        """Write what has come together within some milliseconds, in one transaction."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.waiting.wait(), POLL_SECONDS)
        await asyncio.sleep(GROUP_SECONDS)
        self.waiting.clear()
        if self.results or self.ends:
            await self._write_group()
        return 0

    async def _write_group(self) -> None:
        group, self.results = self.results, []
        ends, self.ends = self.ends, []
        try:
            async with database.transaction() as session:
                await results.write_group(session, group, ends, again=self.again)
            self.again = False
        except Exception as error:
            if is_infrastructure(error):
                self.results, self.ends, self.again = group + self.results, ends + self.ends, True
                self.waiting.set()
                raise
            log.exception("results could not be written together; each case run by itself now")
            await self._write_singly(group, ends)
        GROUPS.inc()
        self.written.set()
        for end in ends:
            ENDED.labels(end.status).inc()
            self._let_go(end.lease_token)

    async def _write_singly(self, group: Sequence[results.Result], ends: Sequence[End]) -> None:
        """One transaction per case run; whose results the database refuses is ended by the platform's fault."""
        own_end = {end.lease_token: end for end in ends}
        for token in dict.fromkeys([*(result.lease_token for result in group), *own_end]):
            mine = [result for result in group if result.lease_token == token]
            end = own_end.get(token)
            try:
                async with database.transaction() as session:
                    await results.write_group(session, mine, [end] if end else [], again=True)
            except Exception:
                log.exception("results of one case run cannot be written")
                held = self.held.get(token) if token else None
                if held is None:
                    continue
                await self._end_unwritable(held)

    async def _end_unwritable(self, held: _Held) -> None:
        lost = _end(held.claimed, CaseVerdict("error", "platform"), "error", reason="unwritable")
        try:
            async with database.transaction() as session:
                await results.write_group(session, [], [lost], again=False)
        except Exception:
            log.exception("a case run cannot even be ended; it is left to the reaper")
        self._drop(held)

    def _let_go(self, token: UUID | None) -> None:
        if token is not None:
            self.held.pop(token, None)
        HELD.set(len(self.held))
        self.freed.set()

    # --- leases

    async def watch(self) -> float:
        """Renew the leases, stop what lost its own, and stop what was cancelled."""
        if not self.held:
            return LOOK_SECONDS
        held = {token: one.claimed.run_id for token, one in self.held.items()}
        renewing = time.monotonic() - self.renewed >= executor_settings().lease_seconds / RENEWALS_PER_LEASE
        async with database.transaction() as session:
            cancelled = await claims.cancelling(session, held.values())
            still = await claims.renew(session, self.id, held) if renewing else set(held)
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
        token = held.claimed.lease_token
        if held.task:
            held.task.cancel()
        self.results = [result for result in self.results if result.lease_token != token]
        self.ends = [end for end in self.ends if end.lease_token != token]
        self._let_go(token)

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
            self._let_go(one.claimed.lease_token)

    async def drain(self) -> None:
        """At shutdown: finish what can be finished in time, give the rest back to the queue."""
        end_by = time.monotonic() + settings().grace_seconds * 0.7
        while self.held and time.monotonic() < end_by:
            if self.results or self.ends:
                await self._write_group()
            await asyncio.sleep(GROUP_SECONDS)
        left = [one for one in self.held.values() if not one.ended]
        for one in left:
            self._drop(one)
        await asyncio.gather(*(one.task for one in left if one.task), return_exceptions=True)
        if left:
            log.info("%d case runs given back to the queue", len(left))
            await self._give_back(left)
        if self.results or self.ends:
            await self._write_group()
        await self.http.close()


def _key(claimed: Claimed) -> Key:
    own = claimed.run_id if claimed.trial else None
    return (claimed.case_id, claimed.revision, own, *sorted(claimed.called.items()))


def _end(claimed: Claimed, verdict: CaseVerdict, status: str, **more: Any) -> End:  # noqa: ANN401 (fields)
    return End(
        claimed.run_id, claimed.position, claimed.data_row, claimed.lease_token, verdict=verdict, status=status, **more
    )


async def reap() -> float:
    """Take back the case runs of lost workers, and cancel runs whose time is over."""
    async with database.transaction() as session:
        taken = await claims.reap(session)
    async with database.transaction() as session:
        await housekeeping.cancel_overdue_runs(session, executor_settings().run_timeout_seconds)
    return 0 if taken else REAP_SECONDS


async def keep_house() -> float:
    """Make and drop partitions, forget tried documents and old keys."""
    own = executor_settings()
    kept = {"step_result": own.keep_steps_days, "case_definition": own.keep_steps_days}
    kept |= {"case_run": own.keep_runs_days, "run": own.keep_runs_days}
    for table, days in kept.items():
        async with database.transaction() as session:
            await keep_daily_partitions(session, table, ahead_days=3, keep_days=days)
    async with database.transaction() as session:
        await housekeeping.forget(session, own.keep_runs_days)
    return 60.0
