"""The executor's tables.

Runs, case runs, their definitions and step results are partitioned by range of the time-ordered `run_id`, so that old
ones go by dropping partitions. `json`, not `jsonb`, holds what people wrote: the order of keys means something there.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, DateTime, Index, Integer, LargeBinary, String, Table, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from services.executor.db import database

NO_ROW = -1
"""`data_row` of a case run whose case has no data rows."""
ALL_ENVIRONMENTS = -1
"""`environment_id` of what is summed over all of them."""
BY_RUN = {"postgresql_partition_by": "RANGE (run_id)"}


class Base(SQLModel, registry=database.registry):
    """Every table of the executor."""


def _moment(**options: Any) -> Any:  # noqa: ANN401 (a field)
    return Field(sa_type=DateTime(timezone=True), **options)


class Run(Base, table=True):
    """One execution of a set of cases. `status`: queued, running, cancelling; passed, failed, error, cancelled."""

    __tablename__ = "run"
    __table_args__ = (
        Index("run_task_id_run_id_idx", "task_id", "run_id"),
        Index("run_status_run_id_idx", "status", "run_id"),
        Index("run_trigger_run_id_idx", "trigger", "run_id"),
        Index("run_open_idx", "run_id", postgresql_where=text("finished_at IS NULL")),
        Index("run_trial_idx", "created_at", postgresql_where=text("trial")),
        Index("run_project_ids_idx", "project_ids", postgresql_using="gin"),
        Index("run_owner_ids_idx", "owner_ids", postgresql_using="gin"),
        BY_RUN,
    )

    run_id: UUID = Field(primary_key=True)
    status: str
    reason: str | None
    trigger: str
    task_id: int | None
    task_name: str | None
    attempt: int
    max_attempts: int
    parallel: int
    max_parallel: int
    failed_stop: bool
    only_failed_log: bool
    environments: dict[str, Any] = Field(sa_type=JSON)
    """By project id: {id, name, revision}."""
    project_ids: list[int] = Field(sa_type=ARRAY(Integer))
    owner_ids: list[int] = Field(sa_type=ARRAY(Integer))
    notify: str | None
    previous_status: str | None
    requested_by: int | None
    rerun_of: UUID | None
    trial: bool
    """A document that is not saved: shown to its author only, kept for an hour, stated to nobody."""
    until_step: str | None
    traceparent: str | None
    """Trace context of what asked for the run: everything that is done for it continues that trace."""
    due_at: datetime | None = _moment()
    fired_at: datetime | None = _moment()
    created_at: datetime = _moment()
    started_at: datetime | None = _moment()
    finished_at: datetime | None = _moment()
    cases_total: int
    cases_done: int
    cases_passed: int
    cases_failed: int
    cases_error: int
    cases_skipped: int
    cases_cancelled: int
    cases_platform: int
    """Of the cases in error those whose fault was the platform's: in no rate."""
    cases_new: int
    """Not passed, though the same case passed the last time."""
    cases_recovered: int
    cases_flaky: int
    steps_passed: int
    steps_failed: int
    steps_error: int
    """Errors of class `platform` left out."""
    steps_skipped: int


class CaseRun(Base, table=True):
    """A case (and data row) in a run. `status`: waiting, queued, running; passed, failed, error, skipped, cancelled."""

    __tablename__ = "case_run"
    __table_args__ = (
        Index("case_run_queued_idx", "project_id", "queued_at", postgresql_where=text("status = 'queued'")),
        Index("case_run_waiting_idx", "run_id", "position", "data_row", postgresql_where=text("status = 'waiting'")),
        Index("case_run_running_idx", "project_id", "lease_until", postgresql_where=text("status = 'running'")),
        Index("case_run_history_idx", "case_id", "run_id"),
        BY_RUN,
    )

    run_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    data_row: int = Field(primary_key=True)
    case_id: int
    project_id: int
    environment_id: int | None
    min_revision: int
    revision: int | None
    name: str
    status: str
    reason: str | None
    failure_class: str | None
    flaky: bool
    starts: int
    worker_id: str | None
    lease_token: UUID | None
    lease_until: datetime | None = _moment()
    deadline_at: datetime | None = _moment()
    not_before: datetime | None = _moment()
    queued_at: datetime | None = _moment()
    missing_since: datetime | None = _moment()
    """Since when its definition has been waited for."""
    locks: list[str] = Field(sa_type=ARRAY(String))
    locked_since: datetime | None = _moment()
    """Since when it has been waiting for its locks."""
    lock_wait_ms: int
    on_worker_loss: str
    started_at: datetime | None = _moment()
    finished_at: datetime | None = _moment()
    duration_ms: int | None
    tries: int
    steps_total: int
    steps_passed: int
    steps_failed: int
    steps_error: int
    steps_skipped: int
    steps_platform: int
    pass_rate: float | None
    teardown_status: str | None
    first_failure: Any = Field(sa_type=JSON, nullable=True)
    """The first step that did not pass: {path, name, message, expected, actual}."""
    baseline: Any = Field(sa_type=JSON, nullable=True)
    """What passed last of this case, environment and row when this one ended: {run_id, revision, finished_at}."""
    variables: Any = Field(sa_type=JSON, nullable=True)
    """Where each value came from, secrets masked; null until the end."""


class CaseDefinition(Base, table=True):
    """What a case of a run was: the document as run, called cases inlined. One for all its data rows."""

    __tablename__ = "case_definition"
    __table_args__ = (BY_RUN,)

    run_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    revision: int
    document: Any = Field(sa_type=JSON)
    called: Any = Field(sa_type=JSON)
    """The cases that it calls, and those call: {id: {name, revision, document}}."""


class StepResult(Base, table=True):
    """How one step ended. Results of a start that was given up have another `start_no` and do not count."""

    __tablename__ = "step_result"
    __table_args__ = (BY_RUN,)

    run_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    data_row: int = Field(primary_key=True)
    start_no: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    case_try: int
    """Which try of the whole case, from 1."""
    path: str
    name: str
    type: str
    phase: str
    iteration: int | None
    status: str
    failure_class: str | None
    error: str | None
    skip_reason: str | None
    tries: int
    flaky: bool
    started_at: datetime | None = _moment()
    duration_ms: int | None
    log_dropped: bool
    """Request and response were not kept, since the step passed."""
    detail: bytes = Field(sa_type=LargeBinary)
    """JSON: request, response, timings_ms, asserts, captures, and the earlier tries. Bytes, since an answer may hold
    what `jsonb` refuses."""


class LastResult(Base, table=True):
    """How a case (and data row) ended last in an environment, and when it last passed."""

    __tablename__ = "last_result"

    case_id: int = Field(primary_key=True)
    environment_id: int = Field(primary_key=True)
    """0: without one."""
    data_row: int = Field(primary_key=True)
    run_id: UUID
    status: str
    failure_class: str | None
    pass_rate: float | None
    duration_ms: int
    finished_at: datetime = _moment()
    passed: Any = Field(sa_type=JSON, nullable=True)
    """The last passed run: {run_id, revision, finished_at}; null: none yet."""


class TrendDay(Base, table=True):
    """What ended on one day, summed when the day was over. It stays when the runs go."""

    __tablename__ = "trend_day"

    kind: str = Field(primary_key=True)
    """`case`, `task`, `project`; `summed`: the mark that this was done for the day."""
    id: int = Field(primary_key=True)
    environment_id: int = Field(primary_key=True)
    """0: without one; -1: all together."""
    day: date = Field(primary_key=True)
    """In the platform's zone."""
    total: int
    passed: int
    failed: int
    error: int
    duration_ms_p50: int | None
    duration_ms_p95: int | None
    flaky: int


class GreenStep(Base, table=True):
    """The last passed answer of a step, for runs that keep failed ones only: else there is nothing to compare with."""

    __tablename__ = "green_step"

    case_id: int = Field(primary_key=True)
    environment_id: int = Field(primary_key=True)
    data_row: int = Field(primary_key=True)
    path: str = Field(primary_key=True)
    run_id: UUID
    revision: int
    finished_at: datetime = _moment()
    detail: bytes = Field(sa_type=LargeBinary)


class HeldLock(Base, table=True):
    """A named lock of an environment, held by a case run as long as its lease."""

    __tablename__ = "held_lock"

    environment_id: int = Field(primary_key=True)
    name: str = Field(primary_key=True)
    lease_token: UUID = Field(index=True)


class WorkerSeen(Base, table=True):
    """A worker that lives, or has not been heard of for less than an hour."""

    __tablename__ = "worker"

    worker_id: str = Field(primary_key=True)
    capacity: int
    """Case runs that it keeps in the air at the same time."""
    started_at: datetime = _moment()
    seen_at: datetime = _moment()


class IdempotencyKey(Base, table=True):
    """The answer to a `POST /runs` that named this key within the last 24 hours."""

    __tablename__ = "idempotency_key"

    user_id: int = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body_sha256: str
    run_id: UUID
    created_at: datetime = _moment(index=True)


class KnownProject(Base, table=True):
    """Replica of `project.changed`."""

    __tablename__ = "known_project"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    revision: int = Field(sa_type=BigInteger)
    deleted: bool
    name: str
    variables: Any = Field(sa_type=JSON, nullable=True)
    egress_allow: list[str] = Field(sa_type=ARRAY(String))
    default_environment_id: int | None


class KnownEnvironment(Base, table=True):
    """Replica of `environment.changed`; secrets stay encrypted."""

    __tablename__ = "known_environment"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    revision: int = Field(sa_type=BigInteger)
    deleted: bool
    project_id: int | None
    name: str
    settings: Any = Field(sa_type=JSON, nullable=True)
    """base_urls, headers, variables, secrets, verify_tls, proxy and what else the event says."""


class KnownCase(Base, table=True):
    """Replica of `case.changed`."""

    __tablename__ = "known_case"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    revision: int = Field(sa_type=BigInteger)
    deleted: bool
    project_id: int | None = Field(index=True)
    name: str
    document: Any = Field(sa_type=JSON, nullable=True)
    calls: list[int] = Field(sa_type=ARRAY(Integer))
    data_rows: int
    """Data rows of the document; 0: it has none."""


def table(model: type[SQLModel]) -> Table:
    """The table of a model, for statements that are no query."""
    found: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    return found
