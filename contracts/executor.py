"""What the executor service states: that runs started and how cases and runs ended."""

from typing import ClassVar, Literal
from uuid import UUID

from contracts.base import Event, Part, UtcTime
from contracts.scheduler import LastStatus, Notify

Trigger = Literal["schedule", "retry", "manual", "api", "rerun"]
"""What a run was made for: a task's time, another attempt, a firing by hand, a request, or an earlier run."""

FailureClass = Literal[
    "assertion", "capture", "dns", "connect", "tls", "timeout", "protocol", "egress", "template", "config", "platform"
]
"""Why a case did not pass: the first two are failures, the others errors; `platform` is never the case's fault."""


class FirstFailure(Part):
    """The first step of a case that did not pass, in few words: enough to see at a glance what broke."""

    path: str
    """Path of the step in the report, such as `5.2.3`."""
    name: str
    """Name of the step, at most 100 characters."""
    message: str
    """What was wrong: the assertion, the capture or the error, at most 200 characters."""
    expected: str | None
    """The expected value as JSON text, cut to 100 characters, secrets masked; null: no assertion failed."""
    actual: str | None
    """The value found instead, likewise."""


class CaseOutcome(Part):
    """How a case ended. In a completed run the data rows of a case are summed and the worst status is its own."""

    case_id: int
    """Id of the case."""
    name: str
    """Name of the case as run."""
    project_id: int
    """Project of the case."""
    status: Literal["passed", "failed", "error", "skipped", "cancelled"]
    """How it was judged; `error`: it could not be judged."""
    failure_class: FailureClass | None
    """Why it did not pass; null where it did, was skipped or was cancelled."""
    flaky: bool
    """Passed, but only at a later try."""
    starts: int
    """How often a worker started it; more than once only after a worker was lost."""
    steps_total: int
    """Steps of the main part: passed, failed, erred and skipped ones together."""
    steps_passed: int
    """Steps that passed."""
    steps_failed: int
    """Steps of which an assertion or a capture failed."""
    steps_error: int
    """Steps that could not be judged."""
    steps_skipped: int
    """Steps that were disabled, not wanted or not reached."""
    pass_rate: float | None
    """Passed of the steps that were started, 0 to 100, floored to two decimals; null: nothing counts."""
    duration_ms: int
    """From start to end, in milliseconds."""
    first_failure: FirstFailure | None = None
    """Where it broke; null where nothing did. In a completed run only the first 50 failing cases tell it."""


class RunStarted(Event):
    """A worker took the first case of a run."""

    topic: ClassVar[str] = "run.started"
    key_field: ClassVar[str] = "run_id"

    run_id: UUID
    """Id of the run (UUIDv7)."""
    task_id: int | None
    """The task it runs for; null: asked for over HTTP."""
    trigger: Trigger
    """What the run was made for."""
    attempt: int
    """Which attempt at the occurrence this is, from 1."""
    cases_total: int
    """Number of case runs, each data row counted."""
    started_at: UtcTime
    """When the first case began."""


class CaseCompleted(Event, CaseOutcome):
    """A case run ended: one case, or one data row of a case."""

    topic: ClassVar[str] = "case.completed"
    key_field: ClassVar[str] = "run_id"

    run_id: UUID
    """Id of the run (UUIDv7)."""
    row: int | None
    """Which data row, from 0; null: the case has no data rows."""


class RunCompleted(Event):
    """A run ended. `final` says whether the occurrence is settled or another attempt follows."""

    topic: ClassVar[str] = "run.completed"
    key_field: ClassVar[str] = "run_id"

    run_id: UUID
    """Id of the run (UUIDv7)."""
    task_id: int | None
    """The task it ran for; null: asked for over HTTP."""
    task_name: str | None
    """Name of the task when it fired; null: no task."""
    trigger: Trigger
    """What the run was made for."""
    attempt: int
    """Which attempt at the occurrence this was, from 1."""
    max_attempts: int
    """How many attempts the occurrence may have in all."""
    final: bool
    """No other attempt follows: passed, cancelled, or the last attempt. Owners are told iff final."""
    status: Literal["passed", "failed", "error", "cancelled"]
    """The worst of its cases."""
    reason: str | None
    """Why, as a word, where the cases do not tell it, such as `nothing_ran`."""
    previous_status: LastStatus | None
    """How the task's last final run ended; null: there was none, or no task."""
    notify: Notify | None
    """When owners get mail; null: no task."""
    owner_ids: list[int]
    """Users who answer for the task, in the task's order; empty: no task."""
    project_ids: list[int]
    """Projects of the cases, ascending."""
    cases_total: int
    """Number of case runs, each data row counted; what the four counts below leave was cancelled."""
    cases_passed: int
    """Case runs that passed."""
    cases_failed: int
    """Case runs that failed."""
    cases_error: int
    """Case runs that could not be judged."""
    cases_skipped: int
    """Case runs of which every step was skipped."""
    pass_rate: float | None
    """Passed of the case runs that count, 0 to 100, floored to two decimals; null: none counts."""
    step_pass_rate: float | None
    """The same over all steps of the run."""
    cases: list[CaseOutcome]
    """How each case ended, in the order of the run; data rows of a case are summed. Of more than 1,000 cases only so
    many are told, those that failed or could not be judged before all others; the counts above are of all."""
    due_at: UtcTime | None
    """When the occurrence was due; null: no task."""
    started_at: UtcTime | None
    """When the first case began; null: none did."""
    finished_at: UtcTime
    """When the run ended."""
    report_path: str
    """Path of the report under the platform's public URL."""
