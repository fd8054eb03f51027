"""Changing many cases at once: all of them or none."""

import logging
from itertools import groupby

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.caller import Caller
from kit.errors import FieldFault, InvalidParameter, MissingParameter, NotFound, PermissionDenied
from services.catalog.models import Case, Project
from services.catalog.queries import cases as queries
from services.catalog.queries.projects import lock_project, projects_of
from services.catalog.schemas.cases import BulkDone, CasesBulk
from services.catalog.usecases import cases as usecases
from services.catalog.usecases.projects import stamp

log = logging.getLogger(__name__)


async def change_cases(session: AsyncSession, caller: Caller, body: CasesBulk) -> BulkDone:
    """Move, tag or delete cases.

    Raises: MissingParameter, InvalidParameter (unknown ids; a module of another project), PermissionDenied naming the
    cases of projects that the caller is no member of, CaseInUse.
    """
    _check(body)
    projects, cases = await _locked(session, body.ids)
    foreign = [case.id for case in cases if not caller.is_member(case.project_id)]
    if foreign:
        raise PermissionDenied(errors=[FieldFault("ids", "not_a_member", {"ids": foreign})])
    by_project = [(projects[key], list(group)) for key, group in groupby(cases, lambda case: case.project_id)]
    for project, group in by_project:
        if body.module_id is not None:
            await usecases.move(session, caller, group, body.module_id)
        elif body.action == "tag":
            await _tag(session, caller, group, body)
        else:
            await usecases.remove(session, project, group)
    log.info("%s of %d cases by user %d", body.action, len(cases), caller.user_id)
    if body.action == "delete":
        return BulkDone(data=[])
    place = {id: index for index, id in enumerate(body.ids)}
    return BulkDone(data=await queries.case_items(session, sorted(cases, key=lambda case: place[case.id])))


def _check(body: CasesBulk) -> None:
    takes = {"move": {"module_id"}, "tag": {"add", "remove"}, "delete": set()}[body.action]
    if body.action == "move" and body.module_id is None:
        raise MissingParameter(errors=[FieldFault("module_id", "missing")])
    strange = sorted(body.model_fields_set - takes - {"ids", "action"})
    if strange:
        raise InvalidParameter(errors=[FieldFault(name, "unknown_field") for name in strange])


async def _locked(session: AsyncSession, ids: list[int]) -> tuple[dict[int, Project], list[Case]]:
    """Lock the projects of these cases, in the order of their ids; answers the cases in that order too."""
    projects: dict[int, Project] = {}
    for project_id in sorted(await projects_of(session, Case, ids)):
        try:
            projects[project_id] = await lock_project(session, project_id)
        except NotFound:
            continue
    query = select(Case).where(col(Case.id).in_(ids), col(Case.project_id).in_(projects))
    cases = (await session.exec(query.order_by(col(Case.project_id), col(Case.id)))).all()
    unknown = sorted(set(ids) - {case.id for case in cases})
    if unknown:
        raise InvalidParameter(errors=[FieldFault("ids", "unknown_ids", {"ids": unknown})])
    return projects, list(cases)


async def _tag(session: AsyncSession, caller: Caller, cases: list[Case], body: CasesBulk) -> None:
    documents = await queries.documents_of(session, [case.id for case in cases])
    changed = []
    for case in cases:
        kept = [tag for tag in case.tags if tag not in body.remove]
        tags = [*kept, *(tag for tag in body.add if tag not in kept)]
        if tags != case.tags:
            document = {**documents[case.id], "tags": tags}
            usecases.check_document(document)
            changed.append((case, document))
    await stamp(session, caller, *(case for case, _ in changed))
    await usecases.save(session, changed)
