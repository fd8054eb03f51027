"""The scheduler's tables."""

from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from services.scheduler.db import database

Status = Literal["pending", "running", "completed", "failed", "cancelled"]
Overlap = Literal["skip", "allow", "queue"]
State = Literal["waiting", "fired", "started", "passed", "failed", "error", "cancelled", "lost", "skipped", "missed"]
ENDED = ("passed", "failed", "error", "cancelled", "lost", "skipped", "missed")


class Base(SQLModel, registry=database.registry):
    """Every table of this schema."""


def _time(*, nullable: bool = False) -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=nullable)


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


class Task(Base, table=True):
    """What is scheduled. `status` is what people see; what the loop claims is `next_due_at` and `paused`."""

    __tablename__ = "task"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'running', 'completed', 'failed', 'cancelled')", name="status"),
        CheckConstraint("open_firings >= 0", name="open_firings"),
        CheckConstraint("status IN ('pending', 'running') OR next_due_at IS NULL", name="terminal"),
        CheckConstraint("(cron IS NULL) = (timezone IS NULL)", name="cron"),
        Index(None, "next_due_at", "id", postgresql_where=text("next_due_at IS NOT NULL AND NOT paused")),
        Index("task_paused_idx", "next_due_at", "id", postgresql_where=text("next_due_at IS NOT NULL AND paused")),
        Index(None, "status", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(Integer, Identity(), primary_key=True))
    task_name: str = Field(sa_column=_text())
    name_generated: bool
    case_ids: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))
    targets: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    """Modules and tags whose cases run beside `case_ids`: those that are there when the task fires."""
    owner_ids: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))
    project_ids: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False, server_default="{}"))
    """Projects of its cases and targets."""
    parallel: int = Field(sa_column=Column(SmallInteger, nullable=False))
    max_parallel: int = Field(sa_column=Column(SmallInteger, nullable=False))
    environments: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False))
    failed_stop: bool
    only_failed_log: bool
    notify: str = Field(sa_column=_text())

    scheduled_at: datetime = Field(sa_column=_time())
    """When it is due next, or was due last: the last `next_due_at` that was not null."""
    cron: str | None = Field(sa_column=_text(nullable=True))
    timezone: str | None = Field(sa_column=_text(nullable=True))
    until: datetime | None = Field(sa_column=_time(nullable=True))
    """The last instant at which a recurring task may be due."""
    overlap: str = Field(sa_column=_text())
    misfire_grace_seconds: int | None
    max_retries: int = Field(sa_column=Column(SmallInteger, nullable=False))
    retry_delay_seconds: int

    status: str = Field(default="pending", sa_column=_text())
    next_due_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """When the loop is to claim it; null: nothing is due."""
    paused: bool = False
    open_firings: int = 0
    """Occurrences in work; firings by hand do not count."""
    execution_count: int = 0
    """Runs that ended, retries and firings by hand included."""
    last_status: str | None = Field(default=None, sa_column=_text(nullable=True))
    last_run_id: UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    last_pass_rate: float | None = Field(default=None, sa_column=Column(Double, nullable=True))
    last_lag_ms: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))

    traceparent: str | None = Field(default=None, sa_column=_text(nullable=True))
    """Trace context of the request that saved it; what a one-off task does continues that trace."""
    created_at: datetime = Field(sa_column=_time())
    updated_at: datetime = Field(sa_column=_time())
    created_by: int
    updated_by: int

    @property
    def key(self) -> int:
        """The id of a stored task."""
        assert self.id is not None  # noqa: S101 (for the type checker)
        return self.id


class TaskListing(Base, table=True):
    """What lists of tasks are searched and sorted by: apart from `task`, so that firing has fewer indexes to keep."""

    __tablename__ = "task_listing"
    __table_args__ = (
        Index(None, "name", "task_id"),
        Index(None, "updated_at", "task_id"),
        Index(None, "grams", postgresql_using="gin"),
    )

    task_id: int = Field(sa_column=Column(ForeignKey("task.id"), primary_key=True))
    name: str = Field(sa_column=_text())
    folded_name: str = Field(sa_column=_text())
    grams: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    """The grams of `folded_name` (`kit/grams.py`): the index of a search for any part of it."""
    updated_at: datetime = Field(sa_column=_time())


class TaskCount(Base, table=True):
    """How many tasks there are of a kind and status, kept by triggers: counting many rows takes too long for a list.

    Kinds: `all` (of id 0), `owner` and `maker` (who made a task and does not own it) of a user, `project` of a project.
    The sum over all backends counts; each database session has rows of its own, so that none waits for another.
    """

    __tablename__ = "task_count"

    kind: str = Field(sa_column=Column(Text, primary_key=True))
    of_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    status: str = Field(sa_column=Column(Text, primary_key=True))
    backend: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    tasks: int = Field(sa_column=Column(BigInteger, nullable=False))


class TaskOwner(Base, table=True):
    """Who sees a task in the own list: its owners and who made it."""

    __tablename__ = "task_owner"
    __table_args__ = (Index("task_owner_owns_idx", "owner_id", "task_id", postgresql_where=text("owns")),)

    owner_id: int = Field(primary_key=True)
    task_id: int = Field(sa_column=Column(ForeignKey("task.id"), primary_key=True, index=True))
    owns: bool
    """False: the user made the task, and does not own it."""


class TaskProject(Base, table=True):
    """The projects of a task's cases and targets."""

    __tablename__ = "task_project"

    project_id: int = Field(primary_key=True)
    task_id: int = Field(sa_column=Column(ForeignKey("task.id"), primary_key=True, index=True))


class Firing(Base, table=True):
    """One attempt at an occurrence, or the word why there was none: the ledger."""

    __tablename__ = "firing"
    __table_args__ = (
        CheckConstraint("trigger IN ('schedule', 'retry', 'manual')", name="trigger"),
        CheckConstraint(
            "state IN ('waiting', 'fired', 'started', 'passed', 'failed', 'error', 'cancelled', 'lost', 'skipped', "
            "'missed')",
            name="state",
        ),
        Index(None, "fire_at", postgresql_where=text("state = 'waiting'")),
        Index(None, "task_id", postgresql_where=text("state = 'waiting'")),
        Index(None, "heard_at", postgresql_where=text("state IN ('fired', 'started')")),
        Index(None, "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    task_id: int = Field(primary_key=True)
    due_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    trigger: str = Field(sa_column=Column(Text, primary_key=True))
    attempt: int = Field(default=1, sa_column=Column(SmallInteger, primary_key=True))
    max_attempts: int = Field(default=1, sa_column=Column(SmallInteger, nullable=False))
    state: str = Field(sa_column=_text())
    reason: str | None = Field(default=None, sa_column=_text(nullable=True))
    run_id: UUID | None = Field(default=None, sa_column=Column(Uuid, unique=True, nullable=True))
    requested_by: int | None = None
    fire_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """Waiting: when it is to fire; null: when the occurrence before it has ended."""
    fired_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    heard_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """When something was last heard of it, or the executor was last asked."""
    started_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    ended_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    pass_rate: float | None = Field(default=None, sa_column=Column(Double, nullable=True))
    missed_from: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    missed_to: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    missed_count: int | None = None


class Known(Base):
    """What is known of another service's object: the state of the highest revision seen."""

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str = Field(sa_type=Text)
    revision: int = Field(sa_type=BigInteger)
    deleted: bool


class KnownProject(Known, table=True):
    """Replica of `project.changed`."""

    __tablename__ = "known_project"

    default_environment_id: int | None


class KnownEnvironment(Known, table=True):
    """Replica of `environment.changed`."""

    __tablename__ = "known_environment"

    project_id: int | None


class KnownModule(Known, table=True):
    """Replica of `module.changed`."""

    __tablename__ = "known_module"

    project_id: int | None
    parent_id: int | None = Field(index=True)


class KnownCase(Known, table=True):
    """Replica of `case.changed`."""

    __tablename__ = "known_case"

    project_id: int | None = Field(index=True)
    module_id: int | None = Field(index=True)
    tags: list[str] | None = Field(sa_column=Column(ARRAY(Text), nullable=True))


AnyKnown = TypeVar("AnyKnown", KnownProject, KnownEnvironment, KnownModule, KnownCase)


class KeptAnswer(Base, table=True):
    """The answer to a request that carried an `Idempotency-Key`, kept for a day."""

    __tablename__ = "kept_answer"

    user_id: int = Field(primary_key=True)
    key: str = Field(sa_column=Column(Text, primary_key=True))
    request_sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answer: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, index=True))
