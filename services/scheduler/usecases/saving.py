"""Creating, updating, cancelling, pausing and resuming tasks."""

import logging
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, text, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import clock
from kit.caller import Caller
from kit.db import wake_after_commit
from kit.errors import FieldFault, InvalidParameter
from kit.grams import fold, grams
from kit.settings import settings
from kit.telemetry import traceparent
from services.scheduler import queries, rules
from services.scheduler.errors import TaskNotFound, TaskNotPending
from services.scheduler.models import (
    KnownCase,
    KnownEnvironment,
    KnownModule,
    KnownProject,
    Task,
    TaskListing,
    TaskOwner,
    TaskProject,
)
from services.scheduler.usecases.access import require_holder
from services.scheduler.usecases.checking import Checked

log = logging.getLogger(__name__)

_SUM_UP = text("""
    WITH taken AS (
        DELETE FROM task_count WHERE (kind, of_id, status, backend) IN (
            SELECT kind, of_id, status, backend FROM task_count WHERE backend <> 0 FOR UPDATE SKIP LOCKED)
        RETURNING kind, of_id, status, tasks)
    INSERT INTO task_count
    SELECT kind, of_id, status, 0, sum(tasks) FROM taken GROUP BY kind, of_id, status ORDER BY kind, of_id, status
    ON CONFLICT (kind, of_id, status, backend) DO UPDATE SET tasks = task_count.tasks + excluded.tasks
""")

DEFAULTS: dict[str, Any] = {
    "max_parallel": 20,
    "overlap": "skip",
    "misfire_grace_seconds": None,
    "max_retries": 0,
    "retry_delay_seconds": 60,
    "notify": "always",
}
"""Of optional fields that neither the saver's settings nor other fields decide."""


async def save_task(session: AsyncSession, checked: Checked) -> Task:
    """Create a task, or update a pending one in full.

    Raises: TaskNotFound, PermissionDenied, TaskNotPending (since the check it was fired or cancelled).
    """
    caller, body, now = checked.caller, checked.body, await clock.now(session)
    if checked.task_id is None:
        made: dict[str, Any] = {"targets": [], "environments": {}, "created_at": now, "created_by": caller.user_id}
        task = Task(**made)
    else:
        task = await _changeable(session, caller, checked.task_id)
    created = checked.task_id is None

    task.case_ids, task.owner_ids, task.parallel = body.case_ids, body.owner_ids, body.parallel
    given = body.model_fields_set
    own = {"failed_stop": caller.settings.get("failed_stop", True)}
    own["only_failed_log"] = caller.settings.get("only_failed_log", False)
    for name, default in (DEFAULTS | own).items():
        if created or name in given:
            value = getattr(body, name)
            setattr(task, name, default if value is None else value)
    if created or "targets" in given:
        task.targets = [target.model_dump(exclude_none=True) for target in body.targets or ()]
    _set_times(task, checked, created=created)
    cases = await queries.known(session, KnownCase, task.case_ids)
    modules = await queries.known(session, KnownModule, [t["module_id"] for t in task.targets if "module_id" in t])
    project_ids = {case.project_id for case in cases.values() if case.project_id}
    project_ids |= {module.project_id for module in modules.values() if module.project_id}
    project_ids |= {target["project_id"] for target in task.targets if "project_id" in target}
    task.environments = await _environments(session, task, checked, project_ids)
    if created or "task_name" in given:
        task.name_generated, task.task_name = body.task_name is None, body.task_name or ""
    if task.name_generated:
        first = [cases[id_].name for id_ in task.case_ids[:1]] or [_target_name(task.targets[0], modules)]
        task.task_name = rules.generated_name(first[0], len(task.case_ids), task.scheduled_at, settings().zone)
    task.project_ids = sorted(project_ids)
    task.updated_at, task.updated_by, task.traceparent = now, caller.user_id, traceparent.get()
    session.add(task)
    await session.flush()
    await _set_lists(session, task, created=created)
    wake_after_commit(session, "due")
    log.info("task %d saved by user %d, due %s", task.key, caller.user_id, clock.utc_text(task.scheduled_at))
    return task


def _set_times(task: Task, checked: Checked, *, created: bool) -> None:
    body, given = checked.body, checked.body.model_fields_set
    if created or "cron" in given:
        task.cron = body.cron
    if task.cron is None:
        task.timezone = task.until = None
        task.scheduled_at = task.next_due_at = checked.start
        return
    if task.timezone is None or "timezone" in given:
        task.timezone = body.timezone or settings().timezone
    if created or "until" in given:
        task.until = checked.until
    first = rules.first_match(task.cron, ZoneInfo(task.timezone), checked.start, task.until)
    if first is None:  # another update came between the check and this one
        raise InvalidParameter(errors=[FieldFault("cron", "out_of_range")])
    task.scheduled_at = task.next_due_at = first


async def _environments(session: AsyncSession, task: Task, checked: Checked, project_ids: set[int]) -> dict[str, int]:
    """What is given or kept; for other projects of the task the saver's setting, else the project's default."""
    kept = {} if "environments" in checked.body.model_fields_set else task.environments
    chosen: dict[str, int] = {**kept, **(checked.body.environments or {})}
    undecided = [id_ for id_ in sorted(project_ids) if str(id_) not in chosen]
    own = {int(key): id_ for key, id_ in (checked.caller.settings.get("environments") or {}).items()}
    projects = await queries.known(session, KnownProject, undecided)
    usable = await queries.known(session, KnownEnvironment, [own[id_] for id_ in undecided if id_ in own])
    for id_ in undecided:
        mine = usable.get(own.get(id_, 0))
        default = projects[id_].default_environment_id if id_ in projects else None
        if mine is not None and mine.project_id == id_ and not mine.deleted:
            chosen[str(id_)] = mine.id
        elif default is not None:
            chosen[str(id_)] = default
    return chosen


def _target_name(target: dict[str, Any], modules: dict[int, KnownModule]) -> str:
    return str(target["tag"]) if "tag" in target else modules[target["module_id"]].name


async def _set_lists(session: AsyncSession, task: Task, *, created: bool) -> None:
    """Put a task that was saved into the lists where people look for it."""
    for table in () if created else (TaskOwner, TaskProject, TaskListing):
        await session.execute(delete(table).where(col(table.task_id) == task.key))
    holders = [
        {"owner_id": id_, "task_id": task.key, "owns": id_ in task.owner_ids}
        for id_ in sorted({*task.owner_ids, task.created_by})
    ]
    await session.execute(insert(TaskOwner), holders)
    if task.project_ids:
        await session.execute(insert(TaskProject), [{"project_id": i, "task_id": task.key} for i in task.project_ids])
    folded = fold(task.task_name)
    listing = {"name": task.task_name, "folded_name": folded, "grams": grams(folded), "updated_at": task.updated_at}
    await session.execute(insert(TaskListing), [{"task_id": task.key, **listing}])


async def _touch(session: AsyncSession, task: Task, caller: Caller, now: datetime) -> None:
    task.updated_at, task.updated_by = now, caller.user_id
    await session.execute(update(TaskListing).where(col(TaskListing.task_id) == task.key).values(updated_at=now))


async def cancel_task(session: AsyncSession, caller: Caller, task_id: int) -> Task:
    """Cancel a pending task. Of this and a firing at the same moment exactly one wins.

    Raises: TaskNotFound, PermissionDenied, TaskNotPending.
    """
    task = await _changeable(session, caller, task_id)
    task.status, task.next_due_at = "cancelled", None
    await _touch(session, task, caller, await clock.now(session))
    log.info("task %d cancelled by user %d", task_id, caller.user_id)
    return task


async def pause_task(session: AsyncSession, caller: Caller, task_id: int) -> Task:
    """Stop a task from falling due. What runs already runs on.

    Raises: TaskNotFound, PermissionDenied, TaskNotPending (it has ended).
    """
    task = await _held(session, caller, task_id)
    task.paused = True
    await _touch(session, task, caller, await clock.now(session))
    log.info("task %d paused by user %d", task_id, caller.user_id)
    return task


async def resume_task(session: AsyncSession, caller: Caller, task_id: int) -> Task:
    """Let a paused task fall due again: a recurring one at its next match, one that is due once now if it is past.

    Raises: TaskNotFound, PermissionDenied, TaskNotPending (it has ended).
    """
    task = await _held(session, caller, task_id)
    now = await clock.now(session)
    if task.paused and task.cron and task.timezone and task.next_due_at is not None and task.next_due_at <= now:
        task.next_due_at = rules.next_match(task.cron, ZoneInfo(task.timezone), now, task.until)
        task.scheduled_at = task.next_due_at or task.scheduled_at
        task.status = rules.status_between(task.cron, task.last_status, task.next_due_at, task.open_firings)
    task.paused = False
    await _touch(session, task, caller, now)
    wake_after_commit(session, "due")
    log.info("task %d resumed by user %d", task_id, caller.user_id)
    return task


async def _changeable(session: AsyncSession, caller: Caller, task_id: int) -> Task:
    task = await _found(session, caller, task_id)
    if task.status != "pending":
        raise TaskNotPending(task.status)
    return task


async def _held(session: AsyncSession, caller: Caller, task_id: int) -> Task:
    task = await _found(session, caller, task_id)
    if task.status not in {"pending", "running"}:
        raise TaskNotPending(task.status)
    return task


async def _found(session: AsyncSession, caller: Caller, task_id: int) -> Task:
    task = await queries.find_task(session, task_id, lock=True)
    if task is None:
        raise TaskNotFound
    require_holder(caller, task)
    return task


async def sum_up_counts(session: AsyncSession) -> None:
    """Bring the task counts of database sessions together, so that they stay few; rows in use are left alone."""
    await session.execute(_SUM_UP)
