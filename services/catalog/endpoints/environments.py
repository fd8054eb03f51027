"""HTTP: environments and their secrets."""

from fastapi import APIRouter

from kit.crypto import keys_read
from kit.http import GivenBody, IfMatch, Page, PagingQuery
from services.catalog.clients import check_urls
from services.catalog.db import Session, database, logged_in
from services.catalog.endpoints.rights import Superuser, Writer
from services.catalog.queries import projects as queries
from services.catalog.schemas.fields import PathId
from services.catalog.schemas.projects import (
    EnvironmentCheck,
    EnvironmentRead,
    EnvironmentWrite,
    SecretsRotated,
)
from services.catalog.settings import catalog_settings
from services.catalog.usecases import environments as environment_cases

router = APIRouter(prefix="/catalog", tags=["environments"])


@router.post("/projects/{project_id}/environments", status_code=201, summary="Make an environment")
async def create_environment(
    project_id: PathId, given: GivenBody[EnvironmentWrite], caller: Writer, session: Session
) -> EnvironmentRead:
    """Members make environments. The first one of a project is its default."""
    return await environment_cases.create_environment(session, caller, project_id, given)


@router.get("/projects/{project_id}/environments", summary="List environments", dependencies=[logged_in])
async def list_environments(project_id: PathId, session: Session, paging: PagingQuery) -> Page[EnvironmentRead]:
    """The environments of a project, oldest first. Of their secrets only names and times are readable."""
    return await queries.list_environments(session, project_id, paging)


@router.get("/environments/{environment_id}", summary="Read an environment", dependencies=[logged_in])
async def read_environment(environment_id: PathId, session: Session) -> EnvironmentRead:
    """An environment. Of its secrets only names and times are readable."""
    return await queries.read_environment(session, environment_id)


@router.put("/environments/{environment_id}", summary="Replace an environment")
async def update_environment(
    environment_id: PathId, given: GivenBody[EnvironmentWrite], caller: Writer, session: Session, if_match: IfMatch
) -> EnvironmentRead:
    """Members replace the fields of an environment. A secret's value sets it, null deletes it, an absent one stays."""
    return await environment_cases.update_environment(session, caller, environment_id, if_match, given)


@router.delete("/environments/{environment_id}", status_code=204, summary="Delete an environment")
async def delete_environment(environment_id: PathId, caller: Writer, session: Session, if_match: IfMatch) -> None:
    """Members delete an environment with its secrets. If it was the default, the project's oldest one takes over."""
    await environment_cases.delete_environment(session, caller, environment_id, if_match)


@router.post("/environments/{environment_id}/check", summary="Ask the base URLs")
async def check_environment(environment_id: PathId, caller: Writer) -> EnvironmentCheck:
    """Members learn which base URLs of an environment answer, within 5 s, from where the catalog runs."""
    async with database.transaction() as session:
        project, environment, tls = await environment_cases.environment_to_check(session, caller, environment_id)
    egress = catalog_settings().egress(project.egress_allow)
    found = await check_urls(environment.base_urls, egress, tls=tls, proxy=environment.proxy)
    return EnvironmentCheck(base_urls=found)


@router.post("/secrets:rotate", summary="Encrypt secrets anew")
async def rotate_secrets(caller: Superuser, session: Session) -> SecretsRotated:
    """Superusers encrypt up to 500 secrets that are under an older key with the first of `ROUNDS_ENCRYPTION_KEYS`.

    To be called until it answers 0; then the older keys can go. `rounds secrets rotate` does that.
    """
    under = await environment_cases.rotate_secrets(session, caller)
    return SecretsRotated(rotated=len(under), before=keys_read(under), key=keys_read()[0])
