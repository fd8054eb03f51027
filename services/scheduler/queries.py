"""Reads."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, RowMapping, SQLColumnExpression, any_, func, literal, text, union_all
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from kit.grams import FOUND_BY_GRAMS, fold, rare_grams
from kit.tables import MAX_ID
from services.scheduler.db import database
from services.scheduler.models import AnyKnown, Firing, Task, TaskCount, TaskListing, TaskOwner, TaskProject

COUNTED = 1000
"""Where no kept count can tell the total, so many tasks are counted at most: then the time of a list has a bound."""
_task_id: SQLColumnExpression[Any] = col(Task.id)
_USERS = database.metadata.tables["known_user"]


async def find_task(session: AsyncSession, task_id: int, *, lock: bool = False) -> Task | None:
    """A task, locked for a change if asked; None when there is none."""
    if task_id > MAX_ID:
        return None
    return await session.get(Task, task_id, with_for_update=lock or None, populate_existing=lock)


async def known_tasks(session: AsyncSession, ids: Collection[int]) -> list[Task]:
    """The tasks of these ids, by id; one query."""
    if not ids:
        return []
    query = select(Task).where(col(Task.id) == any_(literal(list(ids), ARRAY(Integer))))
    return list(await session.exec(query.order_by(col(Task.id))))


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


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks a list shows: those that meet every condition that is given."""

    seen_by: int | None = None
    """Those that a user owns or made."""
    owner_id: int | None = None
    project_id: int | None = None
    status: str | None = None
    search: str | None = None
    """A part of the name, in any letter case."""


async def list_tasks(
    session: AsyncSession, wanted: TaskFilter, sort: str = "-id", *, offset: int, limit: int
) -> tuple[int, list[Task]]:
    """How many tasks there are of a kind, and a page of them.

    `sort` is `id`, `name`, `updated_at` or `next_due_at`, with `-` the greatest first; where nothing is due comes last.
    """
    by, descending = sort.removeprefix("-"), sort.startswith("-")
    folded = fold(wanted.search or "")
    rare = await rare_grams(session, "task_listing", folded, COUNTED) if folded else []
    listed = {"name": col(TaskListing.name), "updated_at": col(TaskListing.updated_at)}
    id_, conditions = _filter(wanted, folded, rare, listed=by in listed)
    key: SQLColumnExpression[Any] = listed.get(by, id_)
    query = select(Task).where(*conditions, *([] if id_ is _task_id else [_task_id == id_]))
    total = await _kept_total(session, wanted)
    if total is None:
        enough = FOUND_BY_GRAMS if rare else COUNTED
        some = select_columns(id_.label("id"), key.label("key")).where(*conditions).limit(enough + 1).subquery().c
        order = [some.key.desc(), some.id.desc()] if descending else [some.key, some.id]
        in_order = select_columns(func.array_agg(aggregate_order_by(some.id, *order)))
        found = (await session.execute(in_order)).scalar_one() or []
        total = min(len(found), COUNTED)
        if len(found) <= enough:  # these are all
            if by != "next_due_at":
                return total, await _tasks(session, found[offset : offset + limit])
            query = select(Task).where(_task_id == any_(literal(found, ARRAY(Integer))))
    if by == "next_due_at":
        return total, await _by_due_time(session, query, descending=descending, offset=offset, limit=limit)
    query = query.order_by(*([key.desc(), id_.desc()] if descending else [key, id_]))
    return total, list(await session.exec(query.offset(offset).limit(limit)))


async def _tasks(session: AsyncSession, ids: list[int]) -> list[Task]:
    """Tasks by id, in the order given."""
    found = {task.id: task for task in await session.exec(select(Task).where(_task_id.in_(ids)))}
    return [found[id_] for id_ in ids if id_ in found]


def _filter(
    wanted: TaskFilter, folded: str, rare: list[str], *, listed: bool
) -> tuple[SQLColumnExpression[Any], list[SQLColumnExpression[bool]]]:
    """The ids of the tasks wanted, in the index of the narrowest list, and what must hold; `task` only where needed.

    `folded` is what is searched for, `rare` the grams of it to look up; `listed`: names and such are asked for too.
    """
    ids: list[SQLColumnExpression[Any]] = []
    conditions: list[SQLColumnExpression[bool]] = []
    user = wanted.owner_id if wanted.seen_by is None else wanted.seen_by
    if user is not None:
        ids.append(col(TaskOwner.task_id))
        conditions.append(col(TaskOwner.owner_id) == user)
    if wanted.owner_id is not None:
        conditions.append(col(TaskOwner.owns))
    if wanted.project_id is not None:
        ids.append(col(TaskProject.task_id))
        conditions.append(col(TaskProject.project_id) == wanted.project_id)
    if folded or listed:
        ids.append(col(TaskListing.task_id))
    if folded:
        conditions.append(func.strpos(TaskListing.folded_name, folded) > 0)
    if rare:
        conditions.append(col(TaskListing.grams).contains(rare))
    if wanted.status is not None or not ids:
        ids.append(_task_id)
    if wanted.status is not None:
        conditions.append(col(Task.status) == wanted.status)
    return ids[0], [*(one == other for one, other in pairwise(ids)), *conditions]


async def _kept_total(session: AsyncSession, wanted: TaskFilter) -> int | None:
    """How many tasks there are, where the kept counts can tell."""
    ids = {"seen_by": wanted.seen_by, "owner": wanted.owner_id, "project": wanted.project_id}
    given = {kind: id_ for kind, id_ in ids.items() if id_ is not None} or {"all": 0}
    if wanted.search or len(given) > 1:
        return None
    [(kind, of_id)] = given.items()
    kinds = ["owner", "maker"] if kind == "seen_by" else [kind]
    kept = select(func.coalesce(func.sum(TaskCount.tasks), 0))
    kept = kept.where(col(TaskCount.kind).in_(kinds), col(TaskCount.of_id) == of_id)
    if wanted.status is not None:
        kept = kept.where(col(TaskCount.status) == wanted.status)
    return int((await session.exec(kept)).one())


async def _by_due_time(
    session: AsyncSession, query: SelectOfScalar[Task], *, descending: bool, offset: int, limit: int
) -> list[Task]:
    """A page in the order of the next due times; after those, the newest first, the tasks that have none.

    In parts, each of which has an index: what is due, what is paused, and the rest.
    """
    due, id_ = col(Task.next_due_at), col(Task.id)

    def order(due: SQLColumnExpression[Any], id_: SQLColumnExpression[Any]) -> list[SQLColumnExpression[Any]]:
        return [due.desc(), id_.desc()] if descending else [due, id_]

    parts = [
        query.where(due.is_not(None), paused).order_by(*order(due, col(Task.id))).limit(offset + limit)
        for paused in (~col(Task.paused), col(Task.paused))
    ]
    dated = aliased(Task, union_all(*parts).subquery())
    page = select(dated).order_by(*order(col(dated.next_due_at), col(dated.id)))
    tasks = list(await session.exec(page.offset(offset).limit(limit)))
    if len(tasks) < limit:
        passed = len(tasks) + offset
        if not tasks and offset:
            counted = select(func.count()).select_from(query.where(due.is_not(None)).subquery())
            passed = (await session.exec(counted)).one()
        rest = query.where(due.is_(None)).order_by(id_.desc()).offset(max(0, offset - passed)).limit(limit - len(tasks))
        tasks += await session.exec(rest)
    return tasks


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
    query = select(Task).where(col(Task.next_due_at) < moment, ~col(Task.paused))
    if project_id is not None:
        query = query.join(TaskProject, col(TaskProject.task_id) == col(Task.id))
        query = query.where(col(TaskProject.project_id) == project_id)
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
