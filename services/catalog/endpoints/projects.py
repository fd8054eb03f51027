"""HTTP of projects and environments."""

from fastapi import APIRouter

from kit.http import GivenBody, IfMatch, Page, PagingQuery
from services.catalog.db import Caller, Session
from services.catalog.endpoints.demo import demo_only
from services.catalog.endpoints.rights import Superuser, Writer
from services.catalog.queries import projects as queries
from services.catalog.schemas.fields import PathId, Search, Sort
from services.catalog.schemas.projects import (
    ProjectRead,
    ProjectWrite,
    SampleRead,
)
from services.catalog.usecases import projects as usecases
from services.catalog.usecases import sample

router = APIRouter(prefix="/catalog", tags=["projects"])


@router.post("/projects", status_code=201, summary="Make a project")
async def create_project(given: GivenBody[ProjectWrite], caller: Superuser, session: Session) -> ProjectRead:
    """Superusers make projects, and assign their members by `POST /user/assign-projects`."""
    return await usecases.create_project(session, caller, given)


@router.post("/projects/sample", status_code=201, summary="Make the sample project", dependencies=[demo_only])
async def create_sample(caller: Superuser, session: Session) -> SampleRead:
    """Superusers make a project that shows what cases can do. It tests Rounds' own demo target; one case fails.

    404 unless `ROUNDS_DEMO` is set, which `rounds up` does.
    """
    return await sample.create_sample(session, caller)


@router.get("/projects", summary="List projects")
async def list_projects(
    caller: Caller, session: Session, paging: PagingQuery, search: Search = None, sort: Sort = "id"
) -> Page[ProjectRead]:
    """Every logged-in user sees every project; `can_write` tells where the caller may write.

    `search` is a part of the name or the description, in any letter case.
    """
    return await queries.list_projects(session, caller, paging, search, sort)


@router.get("/projects/{project_id}", summary="Read a project")
async def read_project(project_id: PathId, caller: Caller, session: Session) -> ProjectRead:
    """A project with its variables and its default environment."""
    return await queries.read_project(session, caller, project_id)


@router.put("/projects/{project_id}", summary="Replace a project")
async def update_project(
    project_id: PathId, given: GivenBody[ProjectWrite], caller: Writer, session: Session, if_match: IfMatch
) -> ProjectRead:
    """Members replace the fields of their project; what is left out becomes empty."""
    return await usecases.update_project(session, caller, project_id, if_match, given)


@router.delete("/projects/{project_id}", status_code=204, summary="Delete a project")
async def delete_project(project_id: PathId, caller: Superuser, session: Session, if_match: IfMatch) -> None:
    """Superusers delete a project with everything in it: modules, cases, environments, memberships."""
    await usecases.delete_project(session, caller, project_id, if_match)
