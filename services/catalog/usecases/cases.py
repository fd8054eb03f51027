"""Cases: every change is a new revision, which is never changed again."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from caselang.document import parse, variables_used
from caselang.faults import DocumentInvalid
from caselang.importers.curl import convert
from contracts.catalog import CaseChanged
from kit import clock
from kit.caller import Caller
from kit.errors import FieldFault, InvalidParameter, NotFound
from kit.grams import fold, grams
from kit.http import Given
from kit.messages import translate
from kit.outbox import publish
from services.catalog import rules
from services.catalog.errors import CaseInUse
from services.catalog.models import Case, CaseCall, CaseRevision, Module, Project
from services.catalog.queries import cases as queries
from services.catalog.queries.projects import check_revision, locked, present
from services.catalog.queries.states import case_state
from services.catalog.schemas.cases import (
    CaseCopy,
    CaseMove,
    CaseRead,
    CaseValidation,
    CaseWrite,
    Convert,
    ConvertedSecret,
    ConvertNote,
    ConvertRead,
)
from services.catalog.usecases.projects import stamp

log = logging.getLogger(__name__)


async def create_case(session: AsyncSession, caller: Caller, module_id: int, given: Given[CaseWrite]) -> CaseRead:
    """Save a case as revision 1.

    Raises: NotFound (no such module), PermissionDenied, InvalidParameter (the document; a called case is missing).
    """
    project, module = await locked(session, Module, module_id)
    caller.require_member(project.id)
    case = await new_case(session, caller, project, module.id, given.checked().document)
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
    await _edit(session, caller, case, given.checked().document)
    return await queries.read_case(session, case.id)


async def restore_revision(
    session: AsyncSession, caller: Caller, case_id: int, revision: int, expected: int | None
) -> CaseRead:
    """Save the document of an earlier revision as a new one; the case stays in its module.

    Raises: NotFound, PermissionDenied, RevisionConflict, InvalidParameter (what it calls is no longer there).
    """
    project, case = await locked(session, Case, case_id)
    earlier = await queries.revision_of(session, case_id, revision)
    caller.require_member(project.id)
    check_revision(case, expected)
    await _edit(session, caller, case, earlier.document)
    return await queries.read_case(session, case.id)


async def copy_case(session: AsyncSession, caller: Caller, case_id: int, body: CaseCopy) -> CaseRead:
    """Save a case anew, in its own module or another one, of another project too; rights count where it goes.

    Raises: NotFound, PermissionDenied, InvalidParameter (no such module; a called case is not in that project).
    """
    _, case = await present(session, Case, case_id)
    target = case.module_id if body.module_id is None else body.module_id
    try:
        project, module = await locked(session, Module, target)
    except NotFound:
        raise unknown_module(target) from None
    caller.require_member(project.id)
    document = (await queries.document_of(session, case)).document
    name = case.name if body.name is None else body.name
    copy = await new_case(session, caller, project, module.id, {**document, "name": name})
    return await queries.read_case(session, copy.id)


async def move_case(
    session: AsyncSession, caller: Caller, case_id: int, expected: int | None, given: Given[CaseMove]
) -> CaseRead:
    """Put a case into another module of its project, which is a new revision of it.

    Raises: NotFound, PermissionDenied, RevisionConflict, InvalidParameter (no such module in the project).
    """
    project, case = await locked(session, Case, case_id)
    caller.require_member(project.id)
    check_revision(case, expected)
    await move(session, caller, [case], given.checked().module_id)
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
    session: AsyncSession, caller: Caller, project: Project, module_id: int, document: dict[str, Any]
) -> Case:
    """Save a document as a case of its own, in a module of the locked project.

    Raises: InvalidParameter.
    """
    check_document(document)
    await check_calls(session, project.id, document, None)
    now = await clock.now(session)
    case = Case(
        project_id=project.id,
        module_id=module_id,
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
    await session.flush()
    await _count(session, project, {module_id: 1})
    await save(session, [(case, document)])
    log.info("case %d made by user %d", case.id, caller.user_id)
    return case


async def _edit(session: AsyncSession, caller: Caller, case: Case, document: dict[str, Any]) -> None:
    check_document(document)
    await check_calls(session, case.project_id, document, case.id)
    await stamp(session, caller, case)
    await save(session, [(case, document)])


async def move(session: AsyncSession, caller: Caller, cases: Sequence[Case], module_id: int) -> None:
    """Put cases of one locked project into a module of it; those that lie there already stay as they are.

    Raises: InvalidParameter (no such module in the project).
    """
    project = await session.get_one(Project, cases[0].project_id)
    module = await session.get(Module, module_id, populate_existing=True)
    if module is None or module.project_id != project.id:
        raise unknown_module(module_id)
    moving = [case for case in cases if case.module_id != module_id]
    counts = Counter({module_id: len(moving)})
    counts.subtract(case.module_id for case in moving)
    documents = await queries.documents_of(session, [case.id for case in moving])
    for case in moving:
        case.module_id = module_id
    await stamp(session, caller, *moving)
    await _count(session, project, counts)
    await save(session, [(case, documents[case.id]) for case in moving])


async def save(session: AsyncSession, changed: Sequence[tuple[Case, dict[str, Any]]]) -> None:
    """Write the revision that each case's `revision` counts, and state the cases."""
    events = []
    for case, document in changed:
        case.name = document["name"]
        case.folded_name = fold(case.name)
        case.grams = grams(case.folded_name)
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
        events.append(case_state(case, saved))
    await session.execute(delete(CaseCall).where(col(CaseCall.case_id).in_([case.id for case, _ in changed])))
    session.add_all(
        CaseCall(case_id=case.id, called_id=called) for case, document in changed for called in rules.calls_of(document)
    )
    await publish(session, *events)


async def remove(session: AsyncSession, project: Project, cases: Sequence[Case]) -> None:
    """Delete cases of the locked project, all or none.

    Raises: CaseInUse when others call one of them.
    """
    ids = [case.id for case in cases]
    if callers := await queries.callers_of(session, ids):
        raise CaseInUse(callers)
    await session.execute(delete(CaseCall).where(col(CaseCall.case_id).in_(ids)))
    await _count(session, project, Counter(case.module_id for case in cases), -1)
    for case in cases:
        await session.delete(case)
    await publish(session, *(CaseChanged.of_deleted(case.id, case.revision + 1, name=case.name) for case in cases))


async def _count(session: AsyncSession, project: Project, by_module: Mapping[int, int], sign: int = 1) -> None:
    """Keep the counts of a locked project and its modules true."""
    project.case_count += sign * sum(by_module.values())
    for module_id, count in by_module.items():
        more = {"case_count": col(Module.case_count) + sign * count}
        await session.execute(update(Module).where(col(Module.id) == module_id).values(more))


def unknown_module(module_id: int) -> InvalidParameter:
    """The refusal of a module that is not there, or in another project."""
    return InvalidParameter(errors=[FieldFault("module_id", "unknown_ids", {"ids": [module_id]})])


def check_document(document: dict[str, Any]) -> None:
    """Raises: InvalidParameter naming every fault of the document by its path."""
    if faults := faults_of(document):
        raise InvalidParameter(errors=faults)


async def convert_text(body: Convert) -> ConvertRead:
    """Steps from a text of another tool, in a thread, since long texts take a while."""
    done = await asyncio.to_thread(convert, body.text)
    return ConvertRead(
        steps=done.steps,
        notes=[
            ConvertNote(step=note.step, kind=note.kind, option=note.option, msg=translate(note.message, note.values))
            for note in done.notes
        ],
        secrets_found=[ConvertedSecret(**asdict(secret)) for secret in done.secrets_found],
    )


async def validate_case(document: dict[str, Any]) -> CaseValidation:
    """What is wrong with a document, and which variables it uses when nothing is."""
    faults = await asyncio.to_thread(faults_of, document)
    variables = [] if faults else await asyncio.to_thread(lambda: variables_used(parse(document)))
    return CaseValidation(errors=[fault.body() for fault in faults], variables=variables)


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
