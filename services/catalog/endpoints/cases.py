"""HTTP of cases."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator

from kit.http import GivenBody, IfMatch, Page, PagingQuery, listed_ids, storable
from services.catalog.db import Session, logged_in, reading
from services.catalog.endpoints.rights import BulkWriter, Copier, Writer
from services.catalog.queries import cases as queries
from services.catalog.queries.projects import present_project
from services.catalog.schemas.cases import (
    BulkDone,
    CaseCopy,
    CaseItem,
    CaseMove,
    CaseRead,
    CasesBulk,
    CaseValidation,
    CaseWrite,
    Convert,
    ConvertRead,
    RevisionItem,
    RevisionRead,
)
from services.catalog.schemas.fields import Id, PathId, RevisionNumber, Search, Sort
from services.catalog.usecases import bulk
from services.catalog.usecases import cases as usecases

router = APIRouter(prefix="/catalog", tags=["cases"])


def _filter(
    project_id: Annotated[Id | None, Query()] = None,
    module_id: Annotated[Id | None, Query()] = None,
    recursive: Annotated[bool, Query(description="with `module_id`: the modules below it too")] = False,
    search: Search = None,
    tag: Annotated[str | None, Query(max_length=100), AfterValidator(storable)] = None,
    ids: Annotated[str | None, Query(description="comma-separated, at most 1,000", examples=["22,20"])] = None,
) -> queries.CaseFilter:
    return queries.CaseFilter(
        project_id, module_id, recursive, search, tag, None if ids is None else listed_ids("ids", ids, 1000)
    )


@router.get("/cases", summary="List cases", dependencies=[logged_in])
async def list_cases(
    session: Session, paging: PagingQuery, wanted: Annotated[queries.CaseFilter, Depends(_filter)], sort: Sort = "id"
) -> Page[CaseItem]:
    """Cases without their documents: those that meet every condition given.

    `search` is a part of the name, in any letter case and any script. With `search`, `tag` or `ids`,
    `total` counts up to 1,000 cases; all of them can be paged through.
    """
    return await queries.list_cases(session, paging, wanted, sort)


@router.post("/modules/{module_id}/cases", status_code=201, summary="Save a new case")
async def create_case(module_id: PathId, given: GivenBody[CaseWrite], caller: Writer, session: Session) -> CaseRead:
    """Members save a case in a module. A faulty document is refused with the path of every fault in it."""
    return await usecases.create_case(session, caller, module_id, given)


@router.get("/cases/{case_id}", summary="Read a case", dependencies=[logged_in])
async def read_case(case_id: PathId, session: Session) -> CaseRead:
    """A case with its document as it was saved, what it calls and what calls it."""
    return await queries.read_case(session, case_id)


@router.put("/cases/{case_id}", summary="Save a case")
async def update_case(
    case_id: PathId, given: GivenBody[CaseWrite], caller: Writer, session: Session, if_match: IfMatch
) -> CaseRead:
    """Members save a new revision of a case. Earlier revisions stay readable and can be restored."""
    return await usecases.update_case(session, caller, case_id, if_match, given)


@router.delete("/cases/{case_id}", status_code=204, summary="Delete a case")
async def delete_case(case_id: PathId, caller: Writer, session: Session, if_match: IfMatch) -> None:
    """Members delete a case with its revisions, unless other cases call it."""
    await usecases.delete_case(session, caller, case_id, if_match)


@router.get("/cases/{case_id}/revisions", summary="Revisions of a case", dependencies=[logged_in])
async def list_revisions(case_id: PathId, session: Session, paging: PagingQuery) -> Page[RevisionItem]:
    """Every revision of a case, newest first, without the documents."""
    return await queries.list_revisions(session, case_id, paging)


@router.get("/cases/{case_id}/revisions/{revision}", summary="Read a revision", dependencies=[logged_in])
async def read_revision(case_id: PathId, revision: RevisionNumber, session: Session) -> RevisionRead:
    """A case as one change left it. It never changes: what a run names can always be read."""
    return await queries.read_revision(session, case_id, revision)


@router.post("/cases/{case_id}/revisions/{revision}/restore", summary="Restore a revision")
async def restore_revision(
    case_id: PathId, revision: RevisionNumber, caller: Writer, session: Session, if_match: IfMatch
) -> CaseRead:
    """Members save the document of an earlier revision as the newest one. Nothing is lost by it."""
    return await usecases.restore_revision(session, caller, case_id, revision, if_match)


@router.post("/cases/{case_id}/copy", status_code=201, summary="Copy a case")
async def copy_case(case_id: PathId, body: CaseCopy, caller: Copier, session: Session) -> CaseRead:
    """Members of the project that the copy goes to save a case anew there, under its name or another one."""
    return await usecases.copy_case(session, caller, case_id, body)


@router.post("/cases/{case_id}/move", summary="Move a case")
async def move_case(
    case_id: PathId, given: GivenBody[CaseMove], caller: Writer, session: Session, if_match: IfMatch
) -> CaseRead:
    """Members put a case into another module of its project."""
    return await usecases.move_case(session, caller, case_id, if_match, given)


@router.post("/cases:bulk", summary="Change many cases")
async def change_cases(body: CasesBulk, caller: BulkWriter, session: Session) -> BulkDone:
    """Members move, tag or delete up to 1,000 cases: all of them, or none."""
    return await bulk.change_cases(session, caller, body)


@router.post("/projects/{project_id}/convert", summary="Turn cURL commands into steps", dependencies=[reading])
async def convert(project_id: PathId, body: Convert, session: Session) -> ConvertRead:
    """Steps from pasted cURL commands. Nothing is saved; what cannot be kept is told in `notes`.

    Credentials are taken out into `secrets_found`: save them as secrets of an environment, or put them back.
    """
    await present_project(session, project_id)
    return await usecases.convert_text(body)


@router.post("/cases:validate", summary="Check a document", dependencies=[reading])
async def validate_case(body: CaseWrite) -> CaseValidation:
    """Tell every fault of a document, and the variables that it uses, without saving anything."""
    return await usecases.validate_case(body.document)
