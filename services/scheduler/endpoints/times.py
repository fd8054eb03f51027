"""Paths of `/scheduler` about times to come."""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query

from kit import clock
from kit.errors import FieldFault, InvalidParameter
from kit.settings import settings
from kit.tables import MAX_ID
from services.scheduler import queries, rules
from services.scheduler.db import Caller, Reader, Session
from services.scheduler.errors import TaskNotFound
from services.scheduler.models import Task
from services.scheduler.schemas import NextTime, NextTimes, PreviewRequest, Upcoming, UpcomingTimes
from services.scheduler.usecases import checking

router = APIRouter(prefix="/scheduler", tags=["scheduler"])

MAX_UPCOMING = 500


@router.post("/preview", summary="The next times of a cron expression")
async def preview(wanted: PreviewRequest, _: Reader, session: Session) -> NextTimes:
    """Local and in UTC; `dst` marks times that a change of the clocks moves or doubles."""
    zone, start, until = checking.check_preview(wanted, await clock.now(session))
    found = rules.upcoming(wanted.cron, zone, start, count=wanted.count, until=until)
    if not found:
        raise InvalidParameter(errors=[FieldFault("cron", "out_of_range")])
    return NextTimes(timezone=zone.key, times=[_next_time(wanted.cron, zone, at) for at in found])


@router.get("/tasks/{task_id}/next", summary="When a task will be due")
async def next_times(
    task_id: Annotated[int, Path(gt=0)],
    _: Caller,
    session: Session,
    count: Annotated[int, Query(ge=1, le=100)] = 10,
) -> NextTimes:
    """Local and in UTC; empty for a task that has nothing to come."""
    task = await queries.find_task(session, task_id)
    if task is None:
        raise TaskNotFound
    zone = ZoneInfo(task.timezone) if task.timezone else settings().zone
    return NextTimes(timezone=zone.key, times=[_next_time(task.cron, zone, at) for at in _dues(task, count)])


@router.get("/upcoming", summary="What is due within the coming hours")
async def upcoming(
    _: Caller,
    session: Session,
    hours: Annotated[int, Query(ge=1, le=24 * 31)] = 24,
    project_id: Annotated[int | None, Query(gt=0, le=MAX_ID)] = None,
) -> UpcomingTimes:
    """The soonest first, at most 500; `truncated` tells whether there is more."""
    until = await clock.now(session) + timedelta(hours=hours)
    tasks = await queries.due_before(session, until, project_id, MAX_UPCOMING + 1)
    found = [
        Upcoming.model_validate(
            {"at": at, "task_id": task.id, "task_name": task.task_name, "cron": task.cron, "status": task.status}
        )
        for task in tasks
        for at in _dues(task, MAX_UPCOMING + 1 if len(tasks) == 1 else MAX_UPCOMING // len(tasks) + 10, until)
    ]
    found.sort(key=lambda due: (due.at, due.task_id))
    return UpcomingTimes(until=until, data=found[:MAX_UPCOMING], truncated=len(found) > MAX_UPCOMING)


def _dues(task: Task, count: int, before: datetime | None = None) -> list[datetime]:
    """The next due times of a task, at most `count`, none after `before`."""
    if task.next_due_at is None:
        return []
    if task.cron is None or task.timezone is None:
        return [task.next_due_at]
    end = min((bound for bound in (task.until, before) if bound is not None), default=None)
    return rules.upcoming(task.cron, ZoneInfo(task.timezone), task.next_due_at, count=count, until=end)


def _next_time(cron: str | None, zone: ZoneInfo, at: datetime) -> NextTime:
    dst, meant = rules.clock_change(cron, zone, at) if cron else (None, None)
    return NextTime(at=at, local=at.astimezone(zone).isoformat(), dst=dst, meant=meant)
