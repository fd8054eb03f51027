"""Projects: made and deleted by superusers, edited by their members."""

import logging

from sqlalchemy import delete, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.base import StateEvent
from contracts.catalog import CaseChanged, EnvironmentChanged, ModuleChanged
from kit import clock
from kit.caller import Caller
from kit.db import wake_after_commit
from kit.http import Given
from kit.outbox import publish
from services.catalog.models import Case, CaseCall, Environment, Module, Project, Stamped
from services.catalog.queries import projects as queries
from services.catalog.queries.states import project_state
from services.catalog.schemas.projects import ProjectRead, ProjectWrite

log = logging.getLogger(__name__)

DELETED_AT_ONCE = 500
DELETIONS = "deletions"
"""The channel that wakes the loop which states the deletion of what lay in a deleted project."""


async def stamp(session: AsyncSession, caller: Caller, *rows: Stamped) -> None:
    """Count a change of rows, whose projects are locked."""
    now = await clock.now(session)
    for row in rows:
        row.revision += 1
        row.updated_at = now
        row.updated_by_id = caller.user_id


async def create_project(session: AsyncSession, caller: Caller, given: Given[ProjectWrite]) -> ProjectRead:
    """Make a project; its members are assigned at auth.

    Raises: PermissionDenied (no superuser), InvalidParameter.
    """
    caller.require_superuser()
    now = await clock.now(session)
    project = Project(
        **given.checked().model_dump(),
        created_at=now,
        updated_at=now,
        created_by_id=caller.user_id,
        updated_by_id=caller.user_id,
    )
    session.add(project)
    await session.flush()
    await publish(session, project_state(project))
    log.info("project %d made by user %d", project.id, caller.user_id)
    return await queries.read_project(session, caller, project.id)


async def update_project(
    session: AsyncSession, caller: Caller, project_id: int, expected: int | None, given: Given[ProjectWrite]
) -> ProjectRead:
    """Replace a project's fields.

    Raises: NotFound, PermissionDenied, RevisionConflict, InvalidParameter.
    """
    project = await queries.lock_project(session, project_id)
    caller.require_member(project.id)
    queries.check_revision(project, expected)
    project.sqlmodel_update(given.checked().model_dump())
    await stamp(session, caller, project)
    await publish(session, project_state(project))
    return await queries.read_project(session, caller, project.id)


async def delete_project(session: AsyncSession, caller: Caller, project_id: int, expected: int | None) -> None:
    """Delete a project. It is gone at once; a loop then deletes what lies in it, stating each deletion.

    Raises: NotFound, PermissionDenied (no superuser), RevisionConflict.
    """
    project = await queries.lock_project(session, project_id)
    caller.require_superuser()
    queries.check_revision(project, expected)
    project.deleted = True
    await stamp(session, caller, project)
    await publish(session, project_state(project))
    wake_after_commit(session, DELETIONS)
    log.info("project %d deleted by user %d", project.id, caller.user_id)


async def delete_rest_of_projects(session: AsyncSession) -> int:
    """Delete a chunk of what lies in deleted projects, stating each deletion; answers how much that was.

    Cases go first, since they hold modules; then modules that hold no other; environments; the project's own row.
    """
    query = select(Project).where(col(Project.deleted)).order_by(col(Project.id)).limit(1)
    project = (await session.exec(query.with_for_update(skip_locked=True))).first()
    if project is None:
        return 0
    gone: list[StateEvent] = [
        CaseChanged.of_deleted(id, revision + 1, name=name)
        for id, revision, name in await _delete_cases(session, project)
    ]
    if not gone:
        parents = select(Module.parent_id).where(Module.project_id == project.id, col(Module.parent_id).is_not(None))
        leaves = (
            select(Module.id)
            .where(Module.project_id == project.id, col(Module.id).not_in(parents))
            .limit(DELETED_AT_ONCE)
        )
        removed = await session.execute(
            delete(Module)
            .where(col(Module.id).in_(leaves))
            .returning(col(Module.id), col(Module.revision), col(Module.name))
        )
        gone = [ModuleChanged.of_deleted(id, revision + 1, name=name) for id, revision, name in removed]
    if not gone:
        some = select(Environment.id).where(Environment.project_id == project.id).limit(DELETED_AT_ONCE)
        removed = await session.execute(
            delete(Environment)
            .where(col(Environment.id).in_(some))
            .returning(col(Environment.id), col(Environment.revision), col(Environment.name))
        )
        gone = [EnvironmentChanged.of_deleted(id, revision + 1, name=name) for id, revision, name in removed]
    if not gone:
        await session.delete(project)
        return 1
    await publish(session, *gone)
    return len(gone)


async def _delete_cases(session: AsyncSession, project: Project) -> list[tuple[int, int, str]]:
    some = (await session.exec(select(Case.id).where(Case.project_id == project.id).limit(DELETED_AT_ONCE))).all()
    if not some:
        return []
    await session.execute(
        delete(CaseCall).where(or_(col(CaseCall.called_id).in_(some), col(CaseCall.case_id).in_(some)))
    )
    removed = await session.execute(
        delete(Case).where(col(Case.id).in_(some)).returning(col(Case.id), col(Case.revision), col(Case.name))
    )
    return list(removed.all())
