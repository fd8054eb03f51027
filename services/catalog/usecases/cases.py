"""Cases: every change is a new revision, which is never changed again."""

import logging
from typing import Any

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from caselang.document import parse
from caselang.faults import DocumentInvalid
from contracts.catalog import CaseChanged
from kit import clock
from kit.caller import Caller
from kit.errors import FieldFault, InvalidParameter
from kit.http import Given
from kit.outbox import publish
from services.catalog import rules
from services.catalog.errors import CaseInUse
from services.catalog.models import Case, CaseCall, CaseRevision, Module, Project
from services.catalog.queries import cases as queries
from services.catalog.queries.projects import check_revision, locked
from services.catalog.queries.states import case_state
from services.catalog.schemas.cases import CaseRead, CaseWrite
from services.catalog.usecases.projects import stamp

log = logging.getLogger(__name__)


async def create_case(session: AsyncSession, caller: Caller, module_id: int, given: Given[CaseWrite]) -> CaseRead:
    """Save a case as revision 1.

    Raises: NotFound (no such module), PermissionDenied, InvalidParameter (the document; a called case is missing).
    """
    project, module = await locked(session, Module, module_id)
    caller.require_member(project.id)
    case = await new_case(session, caller, project, module, given.checked().document)
    log.info("case %d made by user %d", case.id, caller.user_id)
    return await queries.read_case(session, case.id)


async def update_case(
    session: AsyncSession, caller: Caller, case_id: int, expected: int | None, given: Given[CaseWrite]
) -> CaseRead:
    """Save a new revision of a case.

    Raises: NotFound, PermissionDenied, RevisionConflict, InvalidParameter.
    """
    project, case = await locked(session, Case, case_id)
    caller.require_member(project.id)
    check_revision(case, expected)
    document = given.checked().document
    check_document(document)
    await check_calls(session, project.id, document, case.id)
    await stamp(session, case, caller)
    await save(session, case, document)
    return await queries.read_case(session, case.id)


async def delete_case(session: AsyncSession, caller: Caller, case_id: int, expected: int | None) -> None:
    """Delete a case with its revisions.

    Raises: NotFound, PermissionDenied, RevisionConflict, CaseInUse.
    """
    project, case = await locked(session, Case, case_id)
    caller.require_member(project.id)
    check_revision(case, expected)
    await remove(session, project, [case])
    log.info("case %d deleted by user %d", case_id, caller.user_id)


async def new_case(
    session: AsyncSession, caller: Caller, project: Project, module: Module, document: dict[str, Any]
) -> Case:
    """Save a document as a case of its own, in a module of the locked project.

    Raises: InvalidParameter.
    """
    check_document(document)
    await check_calls(session, project.id, document, None)
    now = await clock.now(session)
    case = Case(
        project_id=project.id,
        module_id=module.id,
        name="",
        folded_name="",
        grams=[],
        tags=[],
        step_count=0,
        created_at=now,
        updated_at=now,
        created_by_id=caller.user_id,
        updated_by_id=caller.user_id,
    )
    session.add(case)
    project.case_count += 1
    module.case_count += 1
    await session.flush()
    await save(session, case, document)
    return case


async def save(session: AsyncSession, case: Case, document: dict[str, Any]) -> None:
    """Write the revision that `case.revision` counts, and state the case."""
    case.name = document["name"]
    case.folded_name = rules.fold(case.name)
    case.grams = rules.grams(case.folded_name)
    case.tags = document.get("tags") or []
    case.step_count = sum(1 for _ in rules.steps_of(document))
    saved = CaseRevision(
        case_id=case.id,
        revision=case.revision,
        module_id=case.module_id,
        document=document,
        created_at=case.updated_at,
        created_by_id=case.updated_by_id,
    )
    session.add(saved)
    await session.execute(delete(CaseCall).where(col(CaseCall.case_id) == case.id))
    session.add_all(CaseCall(case_id=case.id, called_id=called) for called in rules.calls_of(document))
    await publish(session, case_state(case, saved))


async def remove(session: AsyncSession, project: Project, cases: list[Case]) -> None:
    """Delete cases of the locked project, all or none.

    Raises: CaseInUse when others call one of them.
    """
    ids = [case.id for case in cases]
    if callers := await queries.callers_of(session, ids):
        raise CaseInUse(callers)
    await session.execute(delete(CaseCall).where(col(CaseCall.case_id).in_(ids)))
    for case in cases:
        module = await session.get_one(Module, case.module_id)
        module.case_count -= 1
        await session.delete(case)
    project.case_count -= len(cases)
    await publish(session, *(CaseChanged.of_deleted(case.id, case.revision + 1, name=case.name) for case in cases))


def check_document(document: dict[str, Any]) -> None:
    """Raises: InvalidParameter naming every fault of the document by its path."""
    if faults := faults_of(document):
        raise InvalidParameter(errors=faults)


def faults_of(document: dict[str, Any]) -> list[FieldFault]:
    """What is wrong with a document, `hint` telling it in words."""
    try:
        parse(document)
    except DocumentInvalid as invalid:
        return [FieldFault(_path(fault.field), fault.reason, {"hint": fault.message}) for fault in invalid.faults]
    return []


def _path(field: str) -> str:
    return f"document.{field}".rstrip(".")


async def check_calls(session: AsyncSession, project_id: int, document: dict[str, Any], case_id: int | None) -> None:
    """Whether each called case is there, in the same project, and calls neither go in a circle nor too deep.

    Raises: InvalidParameter.
    """
    calls = rules.calls_of(document)
    if not calls:
        return
    query = select(Case.id).where(col(Case.id).in_(calls), Case.project_id == project_id)
    known = set((await session.exec(query)).all())
    faults = [
        FieldFault(_path(path), "unknown_ids", {"ids": [called]})
        for called, path in calls.items()
        if called not in known
    ]
    above = max((await queries.chain(session, [case_id], upwards=True)).values()) - 1 if case_id else 0
    for called in known:
        below = await queries.chain(session, [called], upwards=False)
        if case_id in below:
            faults.append(FieldFault(_path(calls[called]), "cycle"))
        elif above + max(below.values()) > rules.MAX_CALL_DEPTH:
            faults.append(FieldFault(_path(calls[called]), "out_of_range"))
    if faults:
        raise InvalidParameter(errors=faults)
