"""HTTP of projects and environments."""

from fastapi import APIRouter

from kit.http import GivenBody, IfMatch, Page, PagingQuery
from services.catalog.clients import check_urls
from services.catalog.db import Caller, Session, database, logged_in
from services.catalog.endpoints.demo import demo_only
from services.catalog.endpoints.rights import Superuser, Writer
from services.catalog.queries import projects as queries
from services.catalog.schemas.fields import PathId, Search, Sort
from services.catalog.schemas.projects import (
    EnvironmentCheck,
    EnvironmentRead,
    EnvironmentWrite,
    ProjectRead,
    ProjectWrite,
    SampleRead,
    SecretsRotated,
)
from services.catalog.settings import catalog_settings
from services.catalog.usecases import environments as environment_cases
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


@router.post(
    "/projects/{project_id}/environments", status_code=201, summary="Make an environment", tags=["environments"]
)
async def create_environment(
    project_id: PathId, given: GivenBody[EnvironmentWrite], caller: Writer, session: Session
) -> EnvironmentRead:
    """Members make environments. The first one of a project is its default."""
    return await environment_cases.create_environment(session, caller, project_id, given)


@router.get(
    "/projects/{project_id}/environments", summary="List environments", tags=["environments"], dependencies=[logged_in]
)
async def list_environments(project_id: PathId, session: Session, paging: PagingQuery) -> Page[EnvironmentRead]:
    """The environments of a project, oldest first. Of their secrets only names and times are readable."""
    return await queries.list_environments(session, project_id, paging)


@router.get(
    "/environments/{environment_id}", summary="Read an environment", tags=["environments"], dependencies=[logged_in]
)
async def read_environment(environment_id: PathId, session: Session) -> EnvironmentRead:
    """An environment. Of its secrets only names and times are readable."""
    return await queries.read_environment(session, environment_id)


@router.put("/environments/{environment_id}", summary="Replace an environment", tags=["environments"])
async def update_environment(
    environment_id: PathId, given: GivenBody[EnvironmentWrite], caller: Writer, session: Session, if_match: IfMatch
) -> EnvironmentRead:
    """Members replace the fields of an environment. A secret's value sets it, null deletes it, an absent one stays."""
    return await environment_cases.update_environment(session, caller, environment_id, if_match, given)


@router.delete(
    "/environments/{environment_id}", status_code=204, summary="Delete an environment", tags=["environments"]
)
async def delete_environment(environment_id: PathId, caller: Writer, session: Session, if_match: IfMatch) -> None:
    """Members delete an environment with its secrets. If it was the default, the project's oldest one takes over."""
    await environment_cases.delete_environment(session, caller, environment_id, if_match)


@router.post("/environments/{environment_id}/check", summary="Ask the base URLs", tags=["environments"])
async def check_environment(environment_id: PathId, caller: Writer) -> EnvironmentCheck:
    """Members learn which base URLs of an environment answer, within 5 s, from where the catalog runs."""
    async with database.transaction() as session:
        project, environment = await environment_cases.environment_to_check(session, caller, environment_id)
    egress = catalog_settings().egress(project.egress_allow)
    urls, verify_tls, proxy = environment.base_urls, environment.verify_tls, environment.proxy
    return EnvironmentCheck(base_urls=await check_urls(urls, egress, verify_tls=verify_tls, proxy=proxy))


@router.post("/secrets:rotate", summary="Encrypt secrets anew", tags=["environments"])
async def rotate_secrets(caller: Superuser, session: Session) -> SecretsRotated:
    """Superusers encrypt up to 500 secrets that are under an older key with the first of `ROUNDS_ENCRYPTION_KEYS`.

    To be called until it answers 0; then the older keys can go. `rounds secrets rotate` does that.
    """
    return SecretsRotated(rotated=await environment_cases.rotate_secrets(session, caller))
