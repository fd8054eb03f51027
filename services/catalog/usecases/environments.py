"""Environments and their secrets."""

import logging
from collections.abc import Mapping

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.base import StateEvent
from contracts.catalog import EnvironmentChanged
from kit import clock, crypto
from kit.caller import Caller
from kit.http import Given
from kit.outbox import publish
from kit.tls import Tls
from services.catalog.models import Environment, Project, Secret
from services.catalog.queries import projects as queries
from services.catalog.queries.states import environment_state, project_state
from services.catalog.schemas.projects import EnvironmentRead, EnvironmentWrite
from services.catalog.usecases.projects import stamp

log = logging.getLogger(__name__)

ROTATED_AT_ONCE = 500


async def create_environment(
    session: AsyncSession, caller: Caller, project_id: int, given: Given[EnvironmentWrite]
) -> EnvironmentRead:
    """Make an environment; the first of a project is its default.

    Raises: NotFound, PermissionDenied, InvalidParameter.
    """
    project = await queries.lock_project(session, project_id)
    caller.require_member(project.id)
    body = given.checked()
    now = await clock.now(session)
    environment = Environment(
        **body.model_dump(exclude={"secrets", "is_default", "databases"}),
        project_id=project.id,
        created_at=now,
        updated_at=now,
        created_by_id=caller.user_id,
        updated_by_id=caller.user_id,
    )
    session.add(environment)
    await session.flush()
    await _keep_secrets(session, environment.id, body.secrets)
    if body.is_default or project.default_environment_id is None:
        await _make_default(session, caller, project, environment)
    await _publish(session, project, environment)
    log.info("environment %d made by user %d", environment.id, caller.user_id)
    return await queries.read_environment(session, environment.id)


async def update_environment(
    session: AsyncSession, caller: Caller, environment_id: int, expected: int | None, given: Given[EnvironmentWrite]
) -> EnvironmentRead:
    """Replace an environment's fields; secrets that are not named stay.

    Raises: NotFound, PermissionDenied, RevisionConflict, InvalidParameter.
    """
    project, environment = await queries.locked(session, Environment, environment_id)
    caller.require_member(project.id)
    queries.check_revision(environment, expected)
    body = given.checked()
    environment.sqlmodel_update(body.model_dump(exclude={"secrets", "is_default", "databases"}))
    await stamp(session, caller, environment)
    await _keep_secrets(session, environment.id, body.secrets)
    if body.is_default and project.default_environment_id != environment.id:
        await _make_default(session, caller, project, environment)
    await _publish(session, project, environment)
    return await queries.read_environment(session, environment.id)


async def delete_environment(session: AsyncSession, caller: Caller, environment_id: int, expected: int | None) -> None:
    """Delete an environment. If it was the default, the project's oldest one takes over.

    Raises: NotFound, PermissionDenied, RevisionConflict.
    """
    project, environment = await queries.locked(session, Environment, environment_id)
    caller.require_member(project.id)
    queries.check_revision(environment, expected)
    gone = EnvironmentChanged.of_deleted(environment.id, environment.revision + 1, name=environment.name)
    await session.delete(environment)
    await session.flush()
    events: list[StateEvent] = [gone]
    heir = None
    if project.default_environment_id == environment.id:
        query = select(Environment).where(Environment.project_id == project.id).order_by(col(Environment.id)).limit(1)
        heir = (await session.exec(query)).first()
        project.default_environment_id = heir.id if heir else None
        await stamp(session, caller, project)
        events.append(project_state(project))
        if heir is not None:
            await stamp(session, caller, heir)
    await publish(session, *events)
    if heir is not None:
        await _publish(session, project, heir)
    log.info("environment %d deleted by user %d", environment_id, caller.user_id)


async def environment_to_check(
    session: AsyncSession, caller: Caller, environment_id: int
) -> tuple[Project, Environment, Tls]:
    """The environment whose URLs a member wants asked, and how.

    Raises: NotFound, PermissionDenied: asking makes the platform send requests. DecryptionFailed.
    """
    project, environment = await queries.present(session, Environment, environment_id)
    caller.require_member(project.id)
    secrets = (await queries.secrets_of(session, [environment.id])).get(environment.id, [])
    keys = [
        crypto.decrypt(one.name, environment.id, one.value) for one in secrets if one.name == environment.client_key
    ]
    tls = Tls(environment.verify_tls, environment.ca_bundle, environment.client_certificate, *keys)
    return project, environment, tls


async def _make_default(session: AsyncSession, caller: Caller, project: Project, environment: Environment) -> None:
    """Make an environment the default, and state that of the project and of the one that was it before."""
    before, project.default_environment_id = project.default_environment_id, environment.id
    await stamp(session, caller, project)
    await publish(session, project_state(project))
    if before is not None:
        former = await session.get_one(Environment, before, populate_existing=True)
        await stamp(session, caller, former)
        await _publish(session, project, former)


async def _publish(session: AsyncSession, project: Project, environment: Environment) -> None:
    secrets = await queries.secrets_of(session, [environment.id])
    await publish(session, environment_state(project, environment, secrets.get(environment.id, [])))


async def _keep_secrets(session: AsyncSession, environment_id: int, given: Mapping[str, str | None]) -> None:
    removed = [name for name, value in given.items() if value is None]
    if removed:
        await session.execute(
            delete(Secret).where(col(Secret.environment_id) == environment_id, col(Secret.name).in_(removed))
        )
    now = await clock.now(session)
    rows = [
        {
            "environment_id": environment_id,
            "name": name,
            "value": crypto.encrypt(name, environment_id, value),
            "updated_at": now,
        }
        for name, value in given.items()
        if value is not None
    ]
    if rows:
        statement = insert(Secret).values(rows)
        new = {"value": statement.excluded.value, "updated_at": statement.excluded.updated_at}
        await session.execute(statement.on_conflict_do_update(index_elements=["environment_id", "name"], set_=new))


async def rotate_secrets(session: AsyncSession, caller: Caller) -> list[str]:
    """Encrypt up to 500 secrets that are under an older key with the first key; answers the id of the key of each.

    To be called again until the answer is empty. The older keys must stay in `ROUNDS_ENCRYPTION_KEYS` until then, and
    until every service has the new environments.

    Raises: PermissionDenied (no superuser), DecryptionFailed (a key is missing).
    """
    caller.require_superuser()
    prefix = f"{crypto.key_ids()[0]}:"
    stale = (
        select(Environment.project_id, Environment.id)
        .join(Secret, col(Secret.environment_id) == Environment.id)
        .join(Project, col(Project.id) == Environment.project_id)
        .where(~col(Secret.value).startswith(prefix, autoescape=True), ~col(Project.deleted))
        .order_by(col(Environment.project_id), col(Environment.id))
        .limit(ROTATED_AT_ONCE)
    )
    rotated: list[str] = []
    for _, environment_id in dict.fromkeys((await session.exec(stale)).all()):
        project, environment = await queries.locked(session, Environment, environment_id)
        secrets = (await queries.secrets_of(session, [environment_id])).get(environment_id, [])
        for secret in secrets:
            if not secret.value.startswith(prefix):
                key_id = crypto.key_id_of(secret.value)
                plain = crypto.decrypt(secret.name, environment_id, secret.value)
                secret.value = crypto.encrypt(secret.name, environment_id, plain)
                rotated.append(key_id)
        await stamp(session, caller, environment)
        await publish(session, environment_state(project, environment, secrets))
    return rotated
