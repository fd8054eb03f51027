"""Paths of `/scheduler` about stored tasks."""

import hashlib
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import clock
from kit.http import Page, PagingQuery
from kit.tables import MAX_ID
from services.scheduler import clients, queries, rules
from services.scheduler.db import Caller, Runner, Session, database
from services.scheduler.errors import TaskNotFound
from services.scheduler.models import Firing, Task
from services.scheduler.schemas import (
    FireAccepted,
    FiringRead,
    MissedRead,
    OccurrencePage,
    OccurrenceRead,
    Status,
    TaskState,
)
from services.scheduler.settings import scheduler_settings
from services.scheduler.usecases import firing as firing_usecases
from services.scheduler.usecases import saving, states

router = APIRouter(prefix="/scheduler", tags=["scheduler"])

TaskId = Annotated[int, Path(gt=0, description="Id of the task.")]
Sort = Literal["id", "-id", "name", "-name", "updated_at", "-updated_at", "next_due_at", "-next_due_at"]


@router.get("/tasks", summary="List all tasks with their state now", responses={304: {"description": "Unchanged"}})
async def list_tasks(  # noqa: PLR0913, PLR0917 (its filters)
    _: Caller,
    session: Session,
    paging: PagingQuery,
    response: Response,
    project_id: Annotated[int | None, Query(gt=0, le=MAX_ID)] = None,
    owner_id: Annotated[int | None, Query(gt=0, le=MAX_ID)] = None,
    status: Status | None = None,
    search: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")] = None,
    sort: Sort = "-id",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Page[TaskState]:
    """Every user sees all tasks. `ETag` and `If-None-Match` make asking again cheap.

    With `search`, or with `owner_id` and `project_id`, `total` counts up to 1,000 tasks; all can be paged through.
    """
    wanted = queries.TaskFilter(owner_id=owner_id, project_id=project_id, status=status, search=search)
    total, tasks = await queries.list_tasks(session, wanted, sort, offset=paging.offset, limit=paging.page_size)
    page = Page[TaskState](
        total=total, page=paging.page, page_size=paging.page_size, data=await states.of_tasks(session, tasks)
    )
    etag = f'"{hashlib.sha256(page.model_dump_json().encode()).hexdigest()[:32]}"'
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "no-cache"
    if if_none_match is not None and etag in if_none_match:
        return Response(status_code=304, headers=dict(response.headers))  # type: ignore[return-value] # FastAPI's way
    return page


@router.get("/tasks/{task_id}", summary="A task with its state now")
async def get_task(task_id: TaskId, _: Caller, session: Session) -> TaskState:
    """Raises: 404 `task_not_found`."""
    return (await states.of_tasks(session, [await _find(session, task_id)]))[0]


@router.post("/tasks/{task_id}/fire", status_code=202, summary="Run a task now, beside its schedule")
async def fire(task_id: TaskId, caller: Runner) -> FireAccepted:
    """Its owners, its creator and superusers may. Status and schedule stay as they are.

    The answer comes when the run is to be found at its `url`, or after 2 s if the executor is slow to hear of it.
    """
    async with database.transaction() as session:
        run_id = await firing_usecases.fire_by_hand(session, caller, task_id)
    await clients.wait_for_run(run_id)
    return FireAccepted(run_id=run_id, url=f"/runs/{run_id}")


@router.post("/tasks/{task_id}/pause", summary="Stop a task from falling due")
async def pause(task_id: TaskId, caller: Caller, session: Session) -> TaskState:
    """What runs already runs on."""
    return (await states.of_tasks(session, [await saving.pause_task(session, caller, task_id)]))[0]


@router.post("/tasks/{task_id}/resume", summary="Let a paused task fall due again")
async def resume(task_id: TaskId, caller: Caller, session: Session) -> TaskState:
    """A recurring task is due at its next match; one that is due once and late fires now."""
    return (await states.of_tasks(session, [await saving.resume_task(session, caller, task_id)]))[0]


@router.get("/tasks/{task_id}/occurrences", summary="Every due time of a task, what became of it, and why")
async def occurrences(task_id: TaskId, _: Caller, session: Session, paging: PagingQuery) -> OccurrencePage:
    """The ledger, the latest first. Occurrences missed in a row are one line with from, to and count.

    `kept_since`: what ended before is not kept, so its absence does not mean that it did not run.
    """
    await _find(session, task_id)
    total, found = await queries.occurrences(session, task_id, offset=paging.offset, limit=paging.page_size)
    data = [_occurrence(occurrence) for occurrence in found]
    kept_since = await clock.now(session) - timedelta(days=scheduler_settings().keep_ledger_days)
    return OccurrencePage(total=total, page=paging.page, page_size=paging.page_size, data=data, kept_since=kept_since)


async def _find(session: AsyncSession, task_id: int) -> Task:
    task = await queries.find_task(session, task_id)
    if task is None:
        raise TaskNotFound
    return task


def _occurrence(occurrence: queries.Occurrence) -> OccurrenceRead:
    first, last = occurrence.firings[0], occurrence.firings[-1]
    return OccurrenceRead.model_validate(
        {
            "due_at": occurrence.due_at,
            "manual": occurrence.manual,
            "outcome": last.state,
            "reason": last.reason,
            "lag_ms": _lag_ms(first),
            "missed": _missed(first),
            "firings": [_firing(firing) for firing in occurrence.firings if firing.run_id is not None],
        }
    )


def _missed(firing: Firing) -> MissedRead | None:
    if firing.missed_from is None or firing.missed_to is None:
        return None
    return MissedRead(from_at=firing.missed_from, to_at=firing.missed_to, count=firing.missed_count or 1)


def _firing(firing: Firing) -> FiringRead:
    same = {field: getattr(firing, field) for field in FiringRead.model_fields if field != "lag_ms"}
    return FiringRead(**same, lag_ms=_lag_ms(firing))


def _lag_ms(firing: Firing) -> int | None:
    """From the due time, or from the end of a retry's delay, to the firing."""
    wanted = firing.fire_at or firing.due_at
    return None if firing.fired_at is None else rules.lag_ms(wanted, firing.fired_at)
