"""The shapes of the scheduler's HTTP API."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from contracts.scheduler import LastStatus, Notify
from kit.http import Body, FaultReason, Page

Status = Literal["pending", "running", "completed", "failed", "cancelled"]
Overlap = Literal["skip", "allow", "queue"]
State = Literal["waiting", "fired", "started", "passed", "failed", "error", "cancelled", "lost", "skipped", "missed"]

MAX_IDS = 1000
MAX_TARGETS = 100
DAY_SECONDS = 86_400

REQUIRED = ("case_ids", "parallel", "owner_ids", "startTime")
"""What no save can do without; kept here, since `missing_parameter` comes before all other faults."""

Id = Annotated[int, Field(gt=0)]


def _unrepeated(ids: list[int]) -> list[int]:
    if len(set(ids)) != len(ids):
        raise FaultReason("repeated")
    return ids


def _printable(given: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", given):
        raise FaultReason("bad_format")
    if not given.strip():
        raise FaultReason("out_of_range")
    return given


Ids = Annotated[list[Id], Field(max_length=MAX_IDS), AfterValidator(_unrepeated)]
ProjectKey = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,9}$")]


class Target(Body):
    """Cases chosen when the task fires: those of a module and all below it, or those of a project with a tag."""

    module_id: Id | None = None
    project_id: Id | None = None
    tag: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = (self.module_id is not None, self.project_id is not None, self.tag is not None)
        if given not in {(True, False, False), (False, True, True)}:
            raise FaultReason("wrong")
        return self


class TaskSave(Body):
    """A task to create (without the key `task_id`) or to update in full (with it).

    A naive time is read in the platform's zone. In an update an optional field that is left out keeps its value, and
    null resets it.
    """

    model_config = ConfigDict(json_schema_extra={"required": list(REQUIRED)})

    task_id: Id = Field(0, description="The task to update; leave the key out to create one.")
    case_ids: Ids = Field([], description="Cases to run, in serial order; may be empty only beside `targets`.")
    parallel: Annotated[int, Field(ge=0, le=1)] = Field(0, description="0: one after the other; 1: at the same time.")
    owner_ids: Annotated[Ids, Field(min_length=1)] = Field([], description="Who answers for it and gets the mail.")
    startTime: str = Field("", description="When it is due; with `cron` the earliest instant. No fractions.")  # noqa: N815
    task_name: Annotated[str, Field(max_length=200), AfterValidator(_printable)] | None = None
    cron: Annotated[str, Field(max_length=200)] | None = Field(None, description="Exactly five fields.")
    timezone: Annotated[str, Field(max_length=100)] | None = Field(None, description="IANA zone of `cron`.")
    until: str | None = Field(None, description="The last instant at which a recurring task may be due.")
    targets: Annotated[list[Target], Field(max_length=MAX_TARGETS)] | None = None
    environments: Annotated[dict[ProjectKey, Id], Field(max_length=MAX_IDS)] | None = Field(
        None, description="Environment id by project id."
    )
    max_parallel: Annotated[int, Field(ge=1, le=100)] | None = None
    overlap: Overlap | None = Field(None, description="What a recurring task does when it is due while it runs.")
    misfire_grace_seconds: Annotated[int, Field(ge=1, le=30 * DAY_SECONDS)] | None = None
    max_retries: Annotated[int, Field(ge=0, le=10)] | None = None
    retry_delay_seconds: Annotated[int, Field(ge=0, le=DAY_SECONDS)] | None = None
    failed_stop: bool | None = None
    only_failed_log: bool | None = None
    notify: Notify | None = None


class TaskRead(BaseModel):
    """A task in full, as the seed's paths write it: naive times in the platform's zone, each with a twin in UTC."""

    id: int
    task_name: str
    case_ids: list[int]
    parallel: int
    execution_mode: Literal["serial", "parallel"]
    owner_ids: list[int]
    scheduled_time: str
    scheduled_time_utc: str
    status: Status
    execution_count: int
    created: str
    created_utc: str
    updated: str
    updated_utc: str
    creater: int
    updater: int
    cron: str | None
    timezone: str | None
    until: str | None
    until_utc: str | None
    targets: list[dict[str, Any]]
    paused: bool
    last_status: LastStatus | None
    last_run_id: UUID | None
    environments: dict[str, int]
    max_parallel: int
    overlap: Overlap
    misfire_grace_seconds: int | None
    max_retries: int
    retry_delay_seconds: int
    failed_stop: bool
    only_failed_log: bool
    notify: Notify


class Named(BaseModel):
    """Something by its id and name."""

    id: int
    name: str


class CaseOfTask(BaseModel):
    """A case of a task, as far as it is known."""

    id: int
    name: str
    module: Named | None
    project: Named | None
    deleted: bool


class OwnerOfTask(BaseModel):
    """An owner of a task; a deleted one keeps the names."""

    id: int
    username: str
    real_name: str
    deleted: bool


class ListedTask(TaskRead):
    """A task in the caller's list, with what its ids stand for, in the order of the ids."""

    cases: list[CaseOfTask]
    owners: list[OwnerOfTask]


class ListedTaskPage(Page[ListedTask]):
    """A page of the caller's list."""

    msg: str


class TaskSaved(BaseModel):
    """The answer to a save or a cancellation."""

    msg: str
    task_id: int
    task: TaskRead


class TaskCancel(Body):
    """Which task to cancel."""

    model_config = ConfigDict(json_schema_extra={"required": ["task_id"]})

    task_id: Id = 0


class UserName(BaseModel):
    """A user by id and name."""

    id: int
    username: str


class LastRun(BaseModel):
    """How the task's last final run ended."""

    run_id: UUID | None
    status: LastStatus
    pass_rate: float | None


class TaskState(BaseModel):
    """A task with its state now; times in UTC."""

    id: int
    task_name: str
    case_ids: list[int]
    targets: list[dict[str, Any]]
    owner_ids: list[int]
    parallel: int
    max_parallel: int
    environments: dict[str, int]
    failed_stop: bool
    only_failed_log: bool
    notify: Notify
    cron: str | None
    timezone: str | None
    until: datetime | None
    overlap: Overlap
    misfire_grace_seconds: int | None
    max_retries: int
    retry_delay_seconds: int
    status: Status
    paused: bool
    scheduled_at: datetime
    next_due_at: datetime | None
    execution_count: int
    last_run: LastRun | None
    lag_ms: int | None
    created_at: datetime
    updated_at: datetime
    created_by: UserName
    updated_by: UserName


class FiringRead(BaseModel):
    """One attempt at an occurrence."""

    attempt: int
    max_attempts: int
    trigger: Literal["schedule", "retry", "manual"]
    state: State
    reason: str | None
    run_id: UUID | None
    requested_by: int | None
    fire_at: datetime | None
    fired_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    lag_ms: int | None
    pass_rate: float | None


class MissedRead(BaseModel):
    """A span of occurrences that did not run."""

    from_at: datetime
    to_at: datetime
    count: int


class OccurrenceRead(BaseModel):
    """A due time with its outcome and the reason."""

    due_at: datetime
    manual: bool
    outcome: State
    reason: str | None
    lag_ms: int | None
    missed: MissedRead | None
    firings: list[FiringRead]


class OccurrencePage(Page[OccurrenceRead]):
    """A page of a task's ledger."""

    kept_since: datetime
    """What ended before is not kept: that an older due time is not there does not mean that it did not run."""


class FireAccepted(BaseModel):
    """The run that a firing by hand makes."""

    run_id: UUID
    url: str


class Pass(BaseModel):
    """What one pass of the scheduler did."""

    fired: int
    retried: int
    skipped: int
    missed: int
    waiting: int
    lag_ms: int | None


class SchedulerStatus(BaseModel):
    """How the scheduler is doing."""

    now: datetime
    last_pass_at: datetime | None
    last_fired_at: datetime | None
    lag_ms: int | None
    oldest_due_at: datetime | None
    next_due_at: datetime | None
    overdue: int
    open_firings: int


class PreviewRequest(Body):
    """A cron expression to try."""

    cron: Annotated[str, Field(max_length=200)]
    timezone: Annotated[str, Field(max_length=100)] | None = None
    count: Annotated[int, Field(ge=1, le=100)] = 5
    start: str | None = Field(None, description="The earliest instant; default: now.")
    until: str | None = None


class NextTime(BaseModel):
    """A time at which a task will be due."""

    at: datetime
    local: str
    """With the offset of the task's zone."""
    dst: Literal["gap", "fold"] | None
    """`gap`: the time meant does not exist that day and was moved; `fold`: the wall clock shows it twice that day."""
    meant: str | None
    """The wall-clock time that does not exist, `HH:MM`."""


class NextTimes(BaseModel):
    """The next times of a task or of a cron expression."""

    timezone: str
    times: list[NextTime]


class Upcoming(BaseModel):
    """A task and a time at which it will be due."""

    at: datetime
    task_id: int
    task_name: str
    cron: str | None
    status: Status


class UpcomingTimes(BaseModel):
    """What is due within a span, soonest first."""

    until: datetime
    data: list[Upcoming]
    truncated: bool
