"""Drives the steps of one case: no database, no session; what happened goes out through `emit`."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from caselang.document import CallStep, GroupStep, Step
from caselang.judgement import CaseVerdict, StepOutcome, judge_case, worst
from caselang.masking import Mask
from caselang.template import JsonValue, TemplateError, TemplateInvalid, UndefinedVariable
from caselang.variables import Variables, initial
from kit.telemetry import note, span
from services.executor.clients.wire import CallFailed
from services.executor.runner.leaf import Leaves, Outcome, Sender, pause_seconds
from services.executor.runner.plan import CaseEnd, Plan, Signals, StepReport, json_bytes, nothing
from services.executor.runner.request import (
    Rendering,
    first_failure,
)
from services.executor.runner.verdict import cut

TEARDOWN_SECONDS = 60.0
"""How long the teardown may take, also after the case's own time is over."""
MAX_CALLS = 10
"""Calls inside one another."""
Emit = Callable[[StepReport], Awaitable[None]]


@dataclass(frozen=True)
class _At:
    """Where in the case the runner is."""

    prefix: str = ""
    teardown: bool = False
    iteration: int | None = None
    calls: tuple[int, ...] = ()


async def run_case(plan: Plan, sender: Sender, emit: Emit, signals: Signals) -> CaseEnd:
    """Run a case to its end, with the tries that it asks for. Never raises for what a target or a document does."""
    began = time.monotonic()
    deadline = began + plan.case.options.timeout_ms / 1000
    retry, seq, number = plan.case.options.retry, 0, 0
    while True:
        number += 1
        drive = _Drive(plan, sender, emit, signals, deadline, number, seq)
        await drive.run()
        verdict = drive.verdict(retried=number > 1)
        done = verdict.status not in {"failed", "error"} or number > retry.max
        if done or drive.halted in {"cancelled", "case_timeout"}:
            break
        seq = drive.seq
        pause = pause_seconds(retry, number)
        if time.monotonic() + pause >= deadline or await _cancelled_within(signals, pause):
            break
    cancelled = signals.cancelled.is_set() and drive.halted == "cancelled"
    return CaseEnd(
        verdict=verdict,
        status="cancelled" if cancelled else verdict.status,
        reason=None if cancelled else verdict.reason,
        tries=number,
        teardown_status=drive.teardown_status(),
        first_failure=None if verdict.status == "passed" else drive.first_failure,
        variables=json_bytes(drive.variables_report()),
        duration_ms=int((time.monotonic() - began) * 1000),
    )


async def _cancelled_within(signals: Signals, seconds: float) -> bool:
    try:
        await asyncio.wait_for(signals.cancelled.wait(), seconds)
    except TimeoutError:
        return False
    return True


class _Drive:
    """One try of a case."""

    def __init__(
        self, plan: Plan, sender: Sender, emit: Emit, signals: Signals, deadline: float, number: int, seq: int
    ) -> None:
        self.plan, self.emit, self.signals = plan, emit, signals
        self.deadline, self.number, self.seq = deadline, number, seq
        self.halted: str | None = None
        """Why no further step of the main part is begun: a skip reason."""
        self.leaves = Leaves(plan.place, sender)
        self.variables = Variables()
        self.outcomes: list[StepOutcome] = []
        self.first_failure: dict[str, Any] | None = None
        own = plan.case.options.failed_stop
        self.failed_stop = plan.failed_stop if own is None else own

    def verdict(self, *, retried: bool) -> CaseVerdict:
        """How the case is judged by what has ended."""
        verdict = judge_case(self.outcomes, retried=retried)
        if self.halted == "case_timeout":
            return replace(verdict, status="error", failure_class="timeout", reason="case_timeout", flaky=False)
        return verdict

    def teardown_status(self) -> str | None:
        """The worst of the teardown's steps; None without any."""
        statuses = [outcome.status for outcome in self.outcomes if outcome.teardown]
        return worst(statuses) if statuses else None

    def variables_report(self) -> JsonValue:
        """The variables as they are now, secrets masked and long values cut."""
        mask = self.leaves.mask
        return mask.mask([{**one, "value": cut(one["value"], mask)} for one in self.variables.report()])

    async def run(self) -> None:
        """The steps, then the teardown, whatever became of them."""
        case, place = self.plan.case, self.plan.place
        try:
            self.variables = initial(
                project=place.project,
                environment=place.known(),
                case=case.variables,
                row=self.plan.row,
                functions=self.leaves.functions(),
            )
        except (TemplateError, TemplateInvalid) as error:
            outcome = _not_rendered(error, "variables.")
            await self._report(_At(), "0", "variables", "set", outcome, self._next(), None, 0)
            return
        await self._steps(case.steps, _At(), self.variables)
        if case.teardown:
            stopped, self.halted = self.halted, None
            self.deadline = time.monotonic() + TEARDOWN_SECONDS
            await self._steps(case.teardown, _At(teardown=True), self.variables)
            self.halted = stopped or self.halted

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    async def _steps(self, steps: Sequence[Step], at: _At, variables: Variables) -> list[Outcome]:
        """One step after the other; answers how those of this level ended."""
        ended = []
        for number, step in enumerate(steps, 1):
            path = f"{at.prefix}{number}"
            outcome = await self._step(step, path, at, variables)
            ended.append(outcome)
            if at.teardown:
                continue
            if outcome.status in {"failed", "error"} and self.failed_stop:
                self.halted = self.halted or "not_reached"
            if path == self.plan.until_step:
                self.halted = self.halted or "until_step"
        return ended

    def _check_halt(self, at: _At) -> None:
        if self.signals.cancelled.is_set() and not at.teardown:
            self.halted = "cancelled"
        elif time.monotonic() >= self.deadline:
            self.halted = "case_timeout"

    async def _step(self, step: Step, path: str, at: _At, variables: Variables) -> Outcome:
        self._check_halt(at)
        seq, began, started_at = self._next(), time.monotonic(), datetime.now(UTC)
        try:
            outcome = await self._skipped(step, variables)
            if outcome is None:
                with span("step", {"path": path, "type": step.type, "name": step.name}) as traced:
                    outcome = await self._run(step, path, at, variables)
                    note(traced, status=outcome.status)
        except (TemplateError, TemplateInvalid) as error:
            outcome = _not_rendered(error)
        except CallFailed as error:
            outcome = Outcome("error", error.failure_class, error.message)
        duration = int((time.monotonic() - began) * 1000)
        skipped = outcome.status == "skipped"
        times = (None, None) if skipped else (started_at, duration)
        await self._report(at, path, step.name, step.type, outcome, seq, *times)
        if skipped and isinstance(step, GroupStep):
            await self._skip_children(step, path, at, outcome)
        return outcome

    async def _skipped(self, step: Step, variables: Variables) -> Outcome | None:
        """Why a step is not begun; None: it is."""
        if self.halted is not None:
            return Outcome("skipped", skip_reason=self.halted)
        if not step.enabled:
            return Outcome("skipped", skip_reason="disabled")
        if step.when is None:
            return None
        held = await self.leaves.holds(step.when, variables)
        if held.template_error:
            return Outcome("error", "template", f"when: {held.message}")
        return None if held.passed else Outcome("skipped", skip_reason="when", detail={"when": held.report()})

    async def _skip_children(self, group: GroupStep, path: str, at: _At, outcome: Outcome) -> None:
        inside = replace(at, prefix=f"{path}.")
        for number, step in enumerate(group.steps, 1):
            below = Outcome("skipped", skip_reason=outcome.skip_reason)
            await self._report(inside, f"{path}.{number}", step.name, step.type, below, self._next(), None, None)
            if isinstance(step, GroupStep):
                await self._skip_children(step, f"{path}.{number}", inside, outcome)

    async def _run(self, step: Step, path: str, at: _At, variables: Variables) -> Outcome:
        if isinstance(step, GroupStep):
            return await self._group(step, path, at, variables)
        if isinstance(step, CallStep):
            return await self._call(step, path, at, variables)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(loop.time() + self.deadline - time.monotonic()) as limit:
                if not at.teardown:
                    self.signals.cut = lambda: limit.reschedule(loop.time())
                try:
                    return await self.leaves.run(step, path, variables)
                finally:
                    self.signals.cut = nothing
        except TimeoutError:
            if self.signals.cancelled.is_set() and not at.teardown:
                self.halted = "cancelled"
                return Outcome("skipped", skip_reason="cancelled")
            self.halted = "case_timeout"
            took = f"the case took longer than its {self.plan.case.options.timeout_ms} ms"
            return Outcome("error", "timeout", f"{took}: raise the case's options.timeout_ms, or split it")

    async def _call(self, step: CallStep, path: str, at: _At, variables: Variables) -> Outcome:
        called = self.plan.called.get(step.case_id)
        if called is None:
            return Outcome("error", "config", f"case {step.case_id}, which this step calls, does not exist any more")
        if step.case_id in (self.plan.case_id, *at.calls) or len(at.calls) == MAX_CALLS:
            chain = " → ".join(str(one) for one in (*at.calls, step.case_id))
            return Outcome("error", "config", f"calls go in a circle or more than {MAX_CALLS} deep: {chain}")
        inner = variables.enter_call(called.variables, step.variables, path, self.leaves.functions())
        inside = replace(at, prefix=f"{path}.", calls=(*at.calls, step.case_id))
        ended = await self._steps(called.steps, inside, inner)
        if called.teardown:
            inside = replace(inside, prefix=f"{path}.t", teardown=True)
            await self._unhalted(self._steps(called.teardown, inside, inner))
        variables.leave_call(inner)
        return _worst(ended)

    async def _unhalted(self, steps: Awaitable[Any]) -> None:
        halted, self.halted = self.halted, None
        await steps
        self.halted = halted or self.halted

    async def _group(self, group: GroupStep, path: str, at: _At, variables: Variables) -> Outcome:
        if group.for_each is not None:
            return await self._for_each(group, path, at, variables)
        if group.repeat_until is not None:
            return await self._repeat(group, path, at, variables)
        return _worst(await self._steps(group.steps, replace(at, prefix=f"{path}."), variables))

    async def _for_each(self, group: GroupStep, path: str, at: _At, variables: Variables) -> Outcome:
        loop = group.for_each
        assert loop is not None  # noqa: S101 (the caller looked)
        items = Rendering(variables, self.leaves.functions()).value(loop.items, "for_each.in")
        if not isinstance(items, list):
            return Outcome("error", "config", "for_each.in is no list")
        if len(items) > loop.max:
            return Outcome("error", "config", f"for_each.in has {len(items)} items, more than its max of {loop.max}")
        ended = []
        for number, item in enumerate(items, 1):
            if self.halted:
                break
            variables.put(loop.item, item, "set", path)
            inside = replace(at, prefix=f"{path}.{number}.", iteration=number)
            ended += await self._steps(group.steps, inside, variables)
        return _worst(ended) if items else Outcome("skipped", skip_reason="no_items")

    async def _repeat(self, group: GroupStep, path: str, at: _At, variables: Variables) -> Outcome:
        until = group.repeat_until
        assert until is not None  # noqa: S101 (the caller looked)
        ended = []
        for number in range(1, until.max + 1):
            inside = replace(at, prefix=f"{path}.{number}.", iteration=number)
            ended += await self._steps(group.steps, inside, variables)
            held = await self.leaves.holds(until, variables)
            if held.template_error:
                return Outcome("error", "template", f"repeat_until: {held.message}")
            if held.passed or self.halted:
                return _worst(ended)
            if number < until.max and await self._interrupted(until.interval_ms / 1000, at):
                return _worst(ended)
        worst_child = _worst(ended)
        if worst_child.status == "error":
            return worst_child
        return Outcome("failed", "assertion", f"not so after {until.max} times", detail={"repeat_until": held.report()})

    async def _interrupted(self, seconds: float, at: _At) -> bool:
        """Sleep; tell whether the case was stopped meanwhile."""
        await _cancelled_within(self.signals, min(seconds, max(self.deadline - time.monotonic(), 0)))
        self._check_halt(at)
        return self.halted is not None

    async def _report(
        self,
        at: _At,
        path: str,
        name: str,
        kind: str,
        outcome: Outcome,
        seq: int,
        started_at: datetime | None,
        duration_ms: int | None,
    ) -> None:
        flaky = outcome.status == "passed" and outcome.tries > 1
        leaf = kind not in {"group", "call"}
        self.outcomes.append(StepOutcome(outcome.status, outcome.failure_class, leaf, at.teardown, flaky))
        error = _masked(self.leaves.mask, outcome.error)
        shown = f"t{path}" if at.teardown and not at.calls else path
        if outcome.status in {"failed", "error"} and self.first_failure is None:
            self.first_failure = first_failure(shown, name, error, outcome.detail or {})
        whole = json_bytes(outcome.detail or {})
        dropped = self.plan.only_failed_log and outcome.status == "passed" and kind == "request"
        left = {key: value for key, value in (outcome.detail or {}).items() if key not in {"request", "response"}}
        await self.emit(
            StepReport(
                seq=seq,
                case_try=self.number,
                path=shown,
                name=name,
                type=kind,
                phase="teardown" if at.teardown else "main",
                iteration=at.iteration,
                status=outcome.status,
                failure_class=outcome.failure_class,
                error=error,
                skip_reason=outcome.skip_reason,
                tries=outcome.tries,
                flaky=flaky,
                started_at=started_at,
                duration_ms=duration_ms,
                detail=json_bytes(left) if dropped else whole,
                green=whole if dropped else None,
            )
        )


def _not_rendered(error: TemplateError | TemplateInvalid, inside: str = "") -> Outcome:
    field = getattr(error, "field", "")
    message = f"{inside}{field}: {error}" if field else str(error)
    if isinstance(error, UndefinedVariable):
        message += "; give it a value in the case or its environment, or capture it in an earlier step"
    return Outcome("error", "template", message)


def _masked(mask: Mask, message: str | None) -> str | None:
    return None if message is None else str(mask.mask(message)).replace("\0", "")


def _worst(outcomes: list[Outcome]) -> Outcome:
    """What a group or a call says of the steps in it."""
    status = worst(outcome.status for outcome in outcomes)
    failure_class = next((outcome.failure_class for outcome in outcomes if outcome.status == status), None)
    return Outcome(status, failure_class, skip_reason="nothing_ran" if status == "skipped" else None)
