"""Reads of cases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.errors import NotFound
from kit.grams import FOUND_BY_GRAMS, fold, rare_grams
from kit.http import Page, Paging
from services.catalog import rules
from services.catalog.models import Case, CaseCall, CaseRevision, Module, Project
from services.catalog.queries.projects import parents_of, people, people_named, present, present_project, stamps
from services.catalog.schemas.cases import CaseItem, CaseRead, RevisionItem, RevisionRead
from services.catalog.schemas.fields import Person

COUNTED = 1000
"""Where no kept count can tell the total, so many cases are counted at most: then the time of a list has a bound.

They are found first and sorted then. PostgreSQL would walk the index of the order in hope of an early match, past every
case when there are few.
"""


@dataclass(frozen=True)
class CaseFilter:
    """Which cases a list shows: those that meet every condition that is given."""

    project_id: int | None = None
    module_id: int | None = None
    recursive: bool = False
    """Those in modules below `module_id` too."""
    search: str | None = None
    """A part of the name, in any letter case."""
    tag: str | None = None
    ids: Sequence[int] | None = None

    @property
    def filtered(self) -> bool:
        """Whether cases must be counted: no kept count tells how many there are."""
        return bool(self.search) or self.tag is not None or self.ids is not None


async def document_of(session: AsyncSession, case: Case) -> CaseRevision:
    """The present revision of a case."""
    return await session.get_one(CaseRevision, (case.id, case.revision))


async def documents_of(session: AsyncSession, case_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The present document of each case."""
    query = (
        select(CaseRevision.case_id, CaseRevision.document)
        .join(Case, (col(Case.id) == CaseRevision.case_id) & (col(Case.revision) == CaseRevision.revision))
        .where(col(Case.id).in_(list(case_ids)))
    )
    return {id: dict(document) for id, document in await session.exec(query)}


async def revision_of(session: AsyncSession, case_id: int, revision: int) -> CaseRevision:
    """One revision of a case.

    Raises: NotFound.
    """
    found = await session.get(CaseRevision, (case_id, revision))
    if found is None:
        raise NotFound
    return found


def _revision_state(saved: CaseRevision, who: dict[int, Person]) -> dict[str, object]:
    author = who[saved.created_by_id]
    return {
        "case_id": saved.case_id,
        "module_id": saved.module_id,
        "name": saved.document["name"],
        "revision": saved.revision,
        "created_at": saved.created_at,
        "updated_at": saved.created_at,
        "created_by": author,
        "updated_by": author,
    }


async def read_revision(session: AsyncSession, case_id: int, revision: int) -> RevisionRead:
    """One revision of a case as answered.

    Raises: NotFound.
    """
    await present(session, Case, case_id)
    saved = await revision_of(session, case_id, revision)
    who = await people_named(session, [saved.created_by_id])
    return RevisionRead.model_validate({**_revision_state(saved, who), "document": saved.document})


async def list_revisions(session: AsyncSession, case_id: int, paging: Paging) -> Page[RevisionItem]:
    """One page of a case's revisions, newest first.

    Raises: NotFound.
    """
    _, case = await present(session, Case, case_id)
    query = select(CaseRevision).where(CaseRevision.case_id == case_id).order_by(col(CaseRevision.revision).desc())
    rows = (await session.exec(query.limit(paging.page_size).offset(paging.offset))).all()
    who = await people_named(session, [row.created_by_id for row in rows])
    data = [RevisionItem.model_validate(_revision_state(row, who)) for row in rows]
    return Page(total=case.revision, page=paging.page, page_size=paging.page_size, data=data)


async def read_case(session: AsyncSession, case_id: int) -> CaseRead:
    """A case as answered.

    Raises: NotFound.
    """
    _, case = await present(session, Case, case_id)
    item = (await case_items(session, [case]))[0]
    return CaseRead(**dict(item), document=(await document_of(session, case)).document)


async def case_items(session: AsyncSession, cases: Sequence[Case]) -> list[CaseItem]:
    """Cases as a list answers them, in the order given."""
    who = await people(session, cases)
    ids = [case.id for case in cases]
    calls: dict[int, list[int]] = {id: [] for id in ids}
    called_by: dict[int, list[int]] = {id: [] for id in ids}
    query = select(CaseCall.case_id, CaseCall.called_id).where(
        or_(col(CaseCall.case_id).in_(ids), col(CaseCall.called_id).in_(ids))
    )
    for caller, called in await session.exec(query.order_by(col(CaseCall.case_id), col(CaseCall.called_id))):
        if caller in calls:
            calls[caller].append(called)
        if called in called_by:
            called_by[called].append(caller)
    return [
        CaseItem.model_validate(
            {
                **case.model_dump(include={"id", "project_id", "module_id", "name", "tags", "step_count"}),
                "calls": calls[case.id],
                "called_by": called_by[case.id],
                **stamps(case, who),
            },
        )
        for case in cases
    ]


async def list_cases(session: AsyncSession, paging: Paging, wanted: CaseFilter, sort: str) -> Page[CaseItem]:
    """One page of cases.

    Raises: NotFound (no such project or module).
    """
    folded = fold(wanted.search or "")
    rare = await rare_grams(session, "case", folded, COUNTED) if folded else []
    conditions = await _conditions(session, wanted, folded, rare)
    key = getattr(Case, sort.removeprefix("-"))
    descending, first, size = sort.startswith("-"), paging.offset, paging.page_size
    query = select(Case).where(*conditions).limit(size).offset(first)
    if wanted.filtered:
        enough = FOUND_BY_GRAMS if rare else COUNTED
        some = select(col(Case.id).label("id"), key.label("key")).where(*conditions).limit(enough + 1).subquery().c
        in_order = [some.key.desc(), some.id.desc()] if descending else [some.key, some.id]
        found = (await session.exec(select(func.array_agg(aggregate_order_by(some.id, *in_order))))).one() or []
        total = min(len(found), COUNTED)
        if len(found) <= enough:  # these are all
            query = select(Case).where(col(Case.id).in_(found[first : first + size]))
    else:
        total = await _kept_total(session, wanted)
    query = query.order_by(*([key.desc(), col(Case.id).desc()] if descending else [key, col(Case.id)]))
    data = await case_items(session, (await session.exec(query)).all())
    return Page(total=total, page=paging.page, page_size=paging.page_size, data=data)


async def _modules(session: AsyncSession, wanted: CaseFilter) -> set[int]:
    assert wanted.module_id is not None  # noqa: S101 (for the type checker)
    _, module = await present(session, Module, wanted.module_id)
    if not wanted.recursive:
        return {module.id}
    return rules.subtree(module.id, await parents_of(session, module.project_id))


async def _conditions(
    session: AsyncSession, wanted: CaseFilter, folded: str, rare: list[str]
) -> list[ColumnElement[bool]]:
    """What must hold; `folded` is what is searched for, `rare` the grams of it to look up."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.project_id is not None:
        await present_project(session, wanted.project_id)
        conditions.append(col(Case.project_id) == wanted.project_id)
    else:
        gone = (await session.exec(select(Project.id).where(col(Project.deleted)))).all()
        if gone:
            conditions.append(col(Case.project_id).not_in(gone))
    if wanted.module_id is not None:
        modules = await _modules(session, wanted)
        conditions.append(
            col(Case.module_id) == modules.pop() if len(modules) == 1 else col(Case.module_id).in_(modules)
        )
    if folded:
        conditions.append(func.strpos(Case.folded_name, folded) > 0)
    if rare:
        conditions.append(col(Case.grams).contains(rare))
    if wanted.tag is not None:
        conditions.append(col(Case.tags).contains([wanted.tag]))
    if wanted.ids is not None:
        conditions.append(col(Case.id).in_(wanted.ids))
    return conditions


async def _kept_total(session: AsyncSession, wanted: CaseFilter) -> int:
    """How many cases there are of a project or module."""
    if wanted.module_id is not None:
        mine: list[ColumnElement[bool]] = [col(Module.id).in_(await _modules(session, wanted))]
        if wanted.project_id is not None:
            mine.append(col(Module.project_id) == wanted.project_id)
        kept = select(func.coalesce(func.sum(Module.case_count), 0)).where(*mine)
    else:
        mine = [~col(Project.deleted)]
        if wanted.project_id is not None:
            mine.append(col(Project.id) == wanted.project_id)
        kept = select(func.coalesce(func.sum(Project.case_count), 0)).where(*mine)
    return int((await session.exec(kept)).one())


async def callers_of(session: AsyncSession, case_ids: Iterable[int]) -> list[tuple[int, str]]:
    """Id and name of every case outside `case_ids` that calls one of them."""
    ids = list(case_ids)
    calling = select(CaseCall.case_id).where(col(CaseCall.called_id).in_(ids))
    query = select(Case.id, Case.name).where(col(Case.id).in_(calling), col(Case.id).not_in(ids)).order_by(col(Case.id))
    return [(id, name) for id, name in await session.exec(query)]


async def chain(session: AsyncSession, start: Iterable[int], *, upwards: bool) -> dict[int, int]:
    """What is reached from some cases by calls, or by callers when `upwards`: the longest way to each, from 1.

    Ways longer than one past the limit are cut there.
    """
    here, there = ("called_id", "case_id") if upwards else ("case_id", "called_id")
    query = text(f"""
        WITH RECURSIVE reached (id, depth) AS (
            SELECT id, 1 FROM unnest(CAST(:start AS integer[])) AS id
            UNION
            SELECT {there}, depth + 1 FROM reached JOIN case_call ON {here} = id WHERE depth <= :limit
        )
        SELECT id, max(depth) FROM reached GROUP BY id
    """)
    found = await session.execute(query, {"start": list(start), "limit": rules.MAX_CALL_DEPTH})
    return dict(found.all())
