"""The executor's HTTP shapes."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from contracts.executor import FirstFailure
from contracts.report import StepRead
from kit.http import Body, FaultReason
from kit.tables import MAX_ID

MAX_CASES = 1000
MAX_PARALLEL = 200
RunStatus = Literal["queued", "running", "cancelling", "passed", "failed", "error", "cancelled"]
Trigger = Literal["schedule", "retry", "manual", "api", "rerun"]


def _each_once(ids: list[int]) -> list[int]:
    if len(set(ids)) != len(ids):
        raise FaultReason("repeated")
    return ids


def _project_ids(environments: dict[str, int]) -> dict[str, int]:
    if not all(key.isascii() and key.isdigit() and len(key) < 10 for key in environments):  # noqa: PLR2004 (an integer)
        raise FaultReason("wrong_type")
    return environments


Id = Annotated[int, Field(ge=1, le=MAX_ID)]
CaseId = Annotated[int, Field(ge=0, le=MAX_ID)]
"""0 is that of a tried document."""
CaseIds = Annotated[list[Id], Field(min_length=1, max_length=MAX_CASES), AfterValidator(_each_once)]
Environments = Annotated[dict[str, Id], Field(max_length=MAX_CASES), AfterValidator(_project_ids)]


class RunCreate(Body):
    """Run stored cases (`case_ids`), or try a document that is not saved (`document` and `project_id`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"case_ids": [22, 20], "parallel": 0, "max_parallel": 20, "environments": {"7": 3}}]
        }
    )

    case_ids: CaseIds | None = None
    parallel: Annotated[int, Field(ge=0, le=1)] = 0
    max_parallel: Annotated[int, Field(ge=1, le=MAX_PARALLEL)] = 20
    environments: Environments | None = None
    failed_stop: bool | None = None
    only_failed_log: bool | None = None
    document: dict[str, JsonValue] | None = None
    project_id: Id | None = None
    until_step: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$", max_length=100)] | None = None

    def chosen(self) -> dict[int, int]:
        """Environment by project."""
        return {int(project_id): environment_id for project_id, environment_id in (self.environments or {}).items()}


class JudgeAgain(Body):
    """A step's captures and assertions, and the kept answer that they are held against."""

    step: dict[str, JsonValue]
    run_id: Annotated[UUID, Field(strict=False)]
    case_id: CaseId
    step_path: Annotated[str, Field(max_length=100)]
    row: Annotated[int, Field(ge=0, le=MAX_ID)] | None = None


class JudgedAgain(BaseModel):
    """How the kept answer is judged; `truncated`: its body was cut when it was stored."""

    status: str
    failure_class: str | None
    error: str | None
    asserts: list[dict[str, Any]]
    captures: list[dict[str, Any]]
    truncated: bool


class TrendDay(BaseModel):
    """What ended on one day, in the platform's zone; durations in milliseconds."""

    day: date
    total: int
    passed: int
    failed: int
    error: int
    pass_rate: float | None
    duration_ms_p50: int | None
    duration_ms_p95: int | None
    flaky: int
    flaky_rate: float | None


class Trends(BaseModel):
    """Days with at least one result, oldest first."""

    data: list[TrendDay]


class RunCreated(BaseModel):
    """A run that was queued."""

    run_id: UUID
    status: str
    url: str


class EnvironmentUsed(BaseModel):
    """The environment that a project's cases ran against."""

    id: int
    name: str | None
    revision: int | None


class ProjectName(BaseModel):
    """A project by its name."""

    id: int
    name: str | None


class Baseline(BaseModel):
    """The last passed run of the same case, environment and row."""

    run_id: UUID
    row: int | None
    revision: int
    finished_at: datetime


class CaseRunRead(BaseModel):
    """A case (and data row) in a run."""

    case_id: int
    position: int
    row: int | None
    name: str
    project: ProjectName
    environment_id: int | None
    revision: int | None
    status: str
    reason: str | None
    failure_class: str | None
    flaky: bool
    starts: int
    tries: int
    lock_wait_ms: int
    steps_total: int
    steps_passed: int
    steps_failed: int
    steps_error: int
    steps_skipped: int
    pass_rate: float | None
    teardown_status: str | None
    first_failure: FirstFailure | None
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    baseline: Baseline | None


class RunBase(BaseModel):
    """What the list and the report of a run have in common."""

    run_id: UUID
    task_id: int | None
    task_name: str | None
    trigger: str
    attempt: int
    max_attempts: int
    final: bool
    status: str
    reason: str | None
    parallel: int
    max_parallel: int
    environments: dict[str, EnvironmentUsed]
    project_ids: list[int]
    owner_ids: list[int]
    requested_by: int | None
    rerun_of: UUID | None
    failed_stop: bool
    only_failed_log: bool
    due_at: datetime | None
    fired_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    cases_total: int
    cases_done: int
    cases_passed: int
    cases_failed: int
    cases_error: int
    cases_skipped: int
    cases_cancelled: int
    pass_rate: float | None
    step_pass_rate: float | None


class RunListed(RunBase):
    """A run in a list, with what changed since the cases' last runs."""

    new: int
    recovered: int
    flaky: int


class RunRead(RunBase):
    """The report of a run. An open one has ended by `ends_by` at the latest."""

    ends_by: datetime | None
    cases: list[CaseRunRead]


class RunPage(BaseModel):
    """Runs, newest first; `next_cursor` is null at the end."""

    data: list[RunListed]
    next_cursor: str | None


class VariableRead(BaseModel):
    """A variable at the end of a case run, and where its value came from."""

    name: str
    source: str
    step: str | None
    value: JsonValue


class CaseReport(CaseRunRead):
    """The report of a case run with its steps; those of earlier tries of the case have a lower `case_try`."""

    run_id: UUID
    definition: dict[str, Any] | None
    variables: list[VariableRead]
    steps: list[dict[str, Any]]
    purged: bool
    next_cursor: str | None


class CaseExport(CaseReport):
    """A case run in an exported file; `next_cursor` is not null where its other steps found no room in it."""

    steps: list[StepRead]  # type: ignore[assignment]  # the endpoint passes on what is stored, unread


class RunExport(RunBase):
    """The whole report of a run as a file: this is what `format=json` writes."""

    format: Literal["rounds/run-report/v1"]
    cases: list[CaseExport]


class LastResult(BaseModel):
    """How a case ended last, over its environments and data rows."""

    case_id: int
    run_id: UUID
    environment_id: int | None
    row: int | None
    status: str
    failure_class: str | None
    pass_rate: float | None
    duration_ms: int
    finished_at: datetime


class LastResults(BaseModel):
    """Last results, those of each case with the newest first."""

    data: list[LastResult]


class ProjectRate(BaseModel):
    """How the runs of a project ended; those that the platform failed are not counted."""

    project_id: int
    passed: int
    failed: int
    error: int
    pass_rate: float | None
    """null: nothing has run."""


class ProjectRates(BaseModel):
    """Pass rates, in the order asked for; of an unknown project there are no runs."""

    data: list[ProjectRate]


class WorkerRead(BaseModel):
    """A worker; after an hour of silence it is not shown any more."""

    worker_id: str
    state: Literal["alive", "silent"]
    """`silent`: not heard of for longer than a lease lasts, so its case runs go to others."""
    case_runs: int
    capacity: int
    """Case runs that it keeps in the air at the same time."""
    started_at: datetime
    seen_at: datetime


class WorkersRead(BaseModel):
    """Who works, and what waits."""

    workers: list[WorkerRead]
    queued: int
    oldest_queued_at: datetime | None


class StepDiff(BaseModel):
    """What is different in a step that did not pass from the last run in which it did."""

    path: str
    name: str
    status: str
    baseline: Baseline | None
    reason: str | None
    """Why there is nothing to compare with: `never_passed`, or `no_answer`."""
    http_status: dict[str, int] | None
    """{before, now} where they differ."""
    headers: list[dict[str, Any]]
    """{name, before, now}."""
    json_paths: list[dict[str, Any]]
    """{path, change (`added`, `removed`, `changed`), before, now}; at most 200."""
    body_changed: bool


class CaseDiff(BaseModel):
    """The failing steps of a case run against the last run in which each passed."""

    run_id: UUID
    case_id: int
    row: int | None
    steps: list[StepDiff]
