"""Reads."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, exists, func, text
from sqlalchemy import select as select_columns
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.scheduler.db import database
from services.scheduler.models import AnyKnown, Firing, Task, TaskCount, TaskOwner, TaskProject

MAX_ID = 2**31 - 1
_USERS = database.metadata.tables["known_user"]


async def find_task(session: AsyncSession, task_id: int, *, lock: bool = False) -> Task | None:
    """A task, locked for a change if asked; None when there is none."""
    if task_id > MAX_ID:
        return None
    return await session.get(Task, task_id, with_for_update=lock or None, populate_existing=lock)


async def find_firing(session: AsyncSession, run_id: UUID, *, lock: bool = False) -> Firing | None:
    """The firing of a run, locked for a change if asked; None when it is no run of ours."""
    query = select(Firing).where(Firing.run_id == run_id).execution_options(populate_existing=True)
    return (await session.exec(query.with_for_update() if lock else query)).first()


async def awaits_run(session: AsyncSession, run_id: UUID) -> bool:
    """Whether the run of a firing has not ended yet."""
    firing = await find_firing(session, run_id)
    return firing is not None and firing.state in {"fired", "started"}


async def known(session: AsyncSession, model: type[AnyKnown], ids: Collection[int]) -> dict[int, AnyKnown]:
    """What is known of objects, by id; one query."""
    wanted = [id_ for id_ in set(ids) if id_ <= MAX_ID]
    if not wanted:
        return {}
    return {thing.id: thing for thing in await session.exec(select(model).where(col(model.id).in_(wanted)))}


async def users(session: AsyncSession, ids: Collection[int]) -> dict[int, RowMapping]:
    """What is known of users, by id; one query."""
    wanted = [id_ for id_ in set(ids) if id_ <= MAX_ID]
    if not wanted:
        return {}
    found = await session.execute(select_columns(_USERS).where(_USERS.c.id.in_(wanted)))
    return {row["id"]: row for row in found.mappings()}


@dataclass(frozen=True)
class Ledger:
    """The end of a task's ledger: which due times it has, and whether an occurrence waits in it."""

    due_ats: set[datetime] = field(default_factory=set)
    one_waits: bool = False


EMPTY_LEDGER = Ledger()


async def ledgers(session: AsyncSession, due: Sequence[Any]) -> dict[int, Ledger]:
    """The end of the ledger of recurring tasks that are due, from their due time on; one query."""
    query = text("""
        SELECT firing.task_id, array_agg(firing.due_at) AS due_ats, bool_or(firing.state = 'waiting') AS one_waits
        FROM unnest(CAST(:ids AS integer[]), CAST(:due_ats AS timestamptz[])) AS due (id, due_at)
        JOIN firing ON firing.task_id = due.id AND firing.trigger = 'schedule'
                   AND (firing.due_at >= due.due_at OR firing.state = 'waiting')
        GROUP BY firing.task_id
    """)
    found = await session.execute(
        query, {"ids": [task.id for task in due], "due_ats": [task.scheduled_at for task in due]}
    )
    return {row.task_id: Ledger(set(row.due_ats), row.one_waits) for row in found}


async def list_tasks(  # noqa: PLR0913 (its filters)
    session: AsyncSession,
    *,
    seen_by: int | None = None,
    owner_id: int | None = None,
    project_id: int | None = None,
    status: str | None = None,
    search: str | None = None,
    order: ColumnElement[Any] | None = None,
    offset: int,
    limit: int,
) -> tuple[int, list[Task]]:
    """How many tasks there are of a kind, and a page of them, by default the newest first.

    `seen_by` keeps those that a user owns or made, `owner_id` those that a user owns.
    """
    whose = seen_by if seen_by is not None else owner_id
    filters: list[ColumnElement[bool]] = []
    if owner_id is not None:
        filters.append(col(Task.owner_ids).contains([owner_id]))
    if project_id is not None:
        filters.append(_in_project(project_id))
    if search:
        filters.append(col(Task.task_name).icontains(search, autoescape=True))
    of_status = [] if status is None else [col(Task.status) == status]

    query, id_ = select(Task).where(*filters, *of_status), col(Task.id)
    if whose is not None:
        id_ = col(TaskOwner.task_id)
        query = query.join(TaskOwner, id_ == col(Task.id)).where(col(TaskOwner.owner_id) == whose)
    if whose is None and not filters:
        counts = select(func.coalesce(func.sum(TaskCount.tasks), 0))
        counted = counts if status is None else counts.where(col(TaskCount.status) == status)
    elif not filters and not of_status:
        counted = select(func.count()).select_from(TaskOwner).where(col(TaskOwner.owner_id) == whose)
    else:
        counted = select(func.count()).select_from(query.with_only_columns(id_).subquery())
    total = (await session.exec(counted)).one()
    page = query.order_by(*([] if order is None else [order]), id_.desc()).offset(offset).limit(limit)
    return int(total), list(await session.exec(page))


def _in_project(project_id: int) -> ColumnElement[bool]:
    return exists().where(col(TaskProject.project_id) == project_id, col(TaskProject.task_id) == col(Task.id))


@dataclass(frozen=True)
class Occurrence:
    """A due time and the attempts at it, the first one first."""

    due_at: datetime
    manual: bool
    firings: list[Firing]


async def occurrences(session: AsyncSession, task_id: int, *, offset: int, limit: int) -> tuple[int, list[Occurrence]]:
    """A page of a task's ledger, the latest due time first."""
    manual = col(Firing.trigger) == "manual"
    due = select_columns(col(Firing.due_at), manual.label("manual")).where(col(Firing.task_id) == task_id).distinct()
    total = (await session.execute(select_columns(func.count()).select_from(due.subquery()))).scalar_one()
    page = due.order_by(col(Firing.due_at).desc(), manual).offset(offset).limit(limit).subquery()
    query = (
        select(Firing)
        .join(page, (page.c.due_at == col(Firing.due_at)) & (page.c.manual == manual))
        .where(Firing.task_id == task_id)
        .order_by(col(Firing.due_at).desc(), manual, col(Firing.attempt))
    )
    grouped: dict[tuple[datetime, bool], list[Firing]] = {}
    for firing in await session.exec(query):
        grouped.setdefault((firing.due_at, firing.trigger == "manual"), []).append(firing)
    return total, [Occurrence(due_at, by_hand, firings) for (due_at, by_hand), firings in grouped.items()]


async def due_before(session: AsyncSession, moment: datetime, project_id: int | None, limit: int) -> list[Task]:
    """Tasks that are not paused and are due before a moment, soonest first."""
    query = select(Task).where(col(Task.next_due_at) < moment, col(Task.paused).is_(False))
    if project_id is not None:
        query = query.where(_in_project(project_id))
    return list(await session.exec(query.order_by(col(Task.next_due_at)).limit(limit)))


_STATE = text("""
    SELECT clock_now() AS now,
        (SELECT min(next_due_at) FROM task WHERE next_due_at IS NOT NULL AND NOT paused) AS next_due_at,
        (SELECT count(*) FROM task WHERE next_due_at <= clock_now() AND NOT paused) AS overdue,
        (SELECT count(*) FROM firing WHERE state IN ('fired', 'started')) AS open_firings
""")


async def state(session: AsyncSession) -> RowMapping:
    """The present, what is due, and how many runs are awaited."""
    return (await session.execute(_STATE)).mappings().one()
