"""Who is a member of which project, and the replica of the projects.

Projects are locked before users, and users by id, so that no two transactions wait for each other.
"""

import logging
from collections.abc import Collection, Sequence

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.catalog import ProjectChanged
from kit.caller import Caller
from kit.errors import FieldFault, InvalidParameter, NotFound
from kit.http import Given
from services.auth import queries
from services.auth.models import KnownProject, Membership, User
from services.auth.schemas.memberships import MembersUpdate
from services.auth.usecases import audit, users

log = logging.getLogger(__name__)


async def assign_projects(
    session: AsyncSession, caller: Caller, user_id: int, project_ids: Collection[int]
) -> tuple[User, Sequence[KnownProject]]:
    """Make a user a member of exactly these projects.

    Raises: InvalidParameter (`unknown_ids`: the user's or some projects').
    """
    projects = await queries.projects_for_update(session, project_ids)
    found = await queries.users_for_update(session, [user_id])
    wanted = {project.id for project in projects}
    faults = [] if found else [FieldFault("user_id", "unknown_ids", {"ids": [user_id]})]
    if unknown := sorted(set(project_ids) - wanted):
        faults.append(FieldFault("project_ids", "unknown_ids", {"ids": unknown}))
    if faults:
        raise InvalidParameter(errors=faults)
    user = found[0]
    present = await queries.project_ids_of(session, user.id)
    if present != wanted:
        await session.execute(
            delete(Membership).where(
                col(Membership.user_id) == user.id, col(Membership.project_id).in_(present - wanted)
            ),
        )
        session.add_all(Membership(user_id=user.id, project_id=project_id) for project_id in wanted - present)
        await users.state(session, [user])
        before, after = {"project_ids": sorted(present)}, {"project_ids": sorted(wanted)}
        audit.note(session, caller, "user.projects_assigned", users.about(user), before=before, after=after)
        log.info("user %d is in projects %s by user %d", user.id, sorted(wanted), caller.user_id)
    return user, projects


async def set_members(session: AsyncSession, caller: Caller, project_id: int, given: Given[MembersUpdate]) -> None:
    """Make exactly these users members of a project.

    Raises: NotFound (no such project), InvalidParameter (the body; `unknown_ids`).
    """
    projects = await queries.projects_for_update(session, [project_id])
    if not projects:
        raise NotFound
    present, wanted = await queries.member_ids(session, project_id), set(given.checked().user_ids)
    changed = await queries.users_for_update(session, present ^ wanted)
    if unknown := sorted(wanted - present - {user.id for user in changed}):
        raise InvalidParameter(errors=[FieldFault("user_ids", "unknown_ids", {"ids": unknown})])
    if not changed:
        return
    await session.execute(
        delete(Membership).where(
            col(Membership.project_id) == project_id, col(Membership.user_id).in_(present - wanted)
        ),
    )
    session.add_all(Membership(user_id=user_id, project_id=project_id) for user_id in wanted - present)
    await users.state(session, changed)
    before, after = {"user_ids": sorted(present)}, {"user_ids": sorted(wanted)}
    about = ("project", project_id, projects[0].name)
    audit.note(session, caller, "project.members_set", about, before=before, after=after)
    log.info("project %d has members %s by user %d", project_id, sorted(wanted), caller.user_id)


async def keep_project(session: AsyncSession, event: ProjectChanged) -> None:
    """Take a project's state into the replica, unless a higher revision is there; a deleted one loses its members."""
    new = insert(KnownProject).values(id=event.id, name=event.name, revision=event.revision, deleted=event.deleted)
    taken = new.excluded
    kept = await session.execute(
        new.on_conflict_do_update(
            index_elements=["id"],
            set_={"name": taken.name, "revision": taken.revision, "deleted": taken.deleted},
            where=col(KnownProject.revision) < taken.revision,
        ).returning(col(KnownProject.id)),
    )
    if kept.first() is None or not event.deleted:
        return
    members = await queries.users_for_update(session, await queries.member_ids(session, event.id))
    await session.execute(delete(Membership).where(col(Membership.project_id) == event.id))
    await users.state(session, members)
    log.info("project %d is deleted; users %s are out", event.id, [user.id for user in members])


async def keep_projects(session: AsyncSession, events: Sequence[ProjectChanged]) -> None:
    """Take what the catalog answered into the replica."""
    for event in sorted(events, key=lambda event: event.id):
        await keep_project(session, event)
