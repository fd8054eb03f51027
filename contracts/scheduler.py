"""What the scheduler service states: that a task is due."""

from typing import ClassVar, Literal
from uuid import UUID

from contracts.base import Event, Part, UtcTime

Notify = Literal["always", "on_failure", "on_change"]
"""When a task's owners get mail: after every final run, after one that did not pass, or when the outcome changed."""

LastStatus = Literal["passed", "failed", "error", "cancelled", "lost"]
"""How a task's last final run ended; `lost`: the executor never answered for it."""


class DueCase(Part):
    """A case to run."""

    case_id: int
    """Id of the case."""
    min_revision: int
    """The oldest revision that may be run: the one that the scheduler knew when it fired."""


class EnvironmentChoice(Part):
    """The environment that cases of one project run against."""

    project_id: int
    """Id of the project."""
    environment_id: int
    """Id of one of its environments."""


class TaskDue(Event):
    """A task came due, is tried again or was fired by hand: exactly one run is to be made of it."""

    topic: ClassVar[str] = "task.due"
    key_field: ClassVar[str] = "task_id"

    run_id: UUID
    """Id of the run to make (UUIDv7): the same at every delivery of this attempt."""
    task_id: int
    """Id of the task."""
    task_name: str
    """Name of the task when it fired."""
    trigger: Literal["schedule", "retry", "manual"]
    """`schedule`: its time came; `retry`: an earlier attempt did not pass; `manual`: somebody fired it."""
    attempt: int
    """Which attempt at the occurrence this is, from 1."""
    max_attempts: int
    """How many attempts the occurrence may have in all."""
    due_at: UtcTime
    """When the occurrence was due; a retry keeps it, a manual firing is due when it was asked for."""
    fired_at: UtcTime
    """When the scheduler fired it; the difference is the lag."""
    cases: list[DueCase]
    """What to run, in serial order."""
    parallel: Literal[0, 1]
    """0: one case after the other; 1: at the same time."""
    max_parallel: int
    """How many cases may run at the same time when parallel."""
    environments: list[EnvironmentChoice]
    """The environment per project; a project that is not named takes its default one."""
    failed_stop: bool
    """Stop a case at its first failed step, unless the case says otherwise."""
    only_failed_log: bool
    """Keep request and response of failed steps only."""
    owner_ids: list[int]
    """Users who answer for the task, in the task's order."""
    notify: Notify
    """When owners get mail."""
    previous_status: LastStatus | None
    """How the task's last final run ended; null: there was none."""
    requested_by: int | None
    """User who fired it by hand; null: the schedule did."""
