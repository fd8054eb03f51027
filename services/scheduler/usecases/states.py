"""Tasks with their state now, as people see them."""

from collections.abc import Sequence

from sqlmodel.ext.asyncio.session import AsyncSession

from services.scheduler import queries, rules
from services.scheduler.models import Task
from services.scheduler.schemas import LastRun, TaskState, UserName


async def of_tasks(session: AsyncSession, tasks: Sequence[Task]) -> list[TaskState]:
    """The states of stored tasks, in their order."""
    users = await queries.users(session, {id_ for task in tasks for id_ in (task.created_by, task.updated_by)})

    def name(id_: int) -> UserName:
        return UserName(id=id_, username=users[id_]["username"] if id_ in users else "")

    same = set(TaskState.model_fields) & set(Task.model_fields) - {"created_by", "updated_by"}
    return [
        TaskState(
            **{field: getattr(task, field) for field in same if field != "misfire_grace_seconds"},
            misfire_grace_seconds=rules.grace_of(task.cron, task.misfire_grace_seconds),
            last_run=_last_run(task),
            lag_ms=task.last_lag_ms,
            created_by=name(task.created_by),
            updated_by=name(task.updated_by),
        )
        for task in tasks
    ]


def _last_run(task: Task) -> LastRun | None:
    if task.last_status is None:
        return None
    return LastRun.model_validate(
        {"run_id": task.last_run_id, "status": task.last_status, "pass_rate": task.last_pass_rate}
    )
