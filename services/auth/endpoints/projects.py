"""Who is a member of which project."""

from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from kit.http import GivenBody, Paging, PagingQuery
from kit.messages import N_, translate
from services.auth import clients, queries
from services.auth.db import Session, database
from services.auth.endpoints.callers import Caller, Superuser
from services.auth.schemas.fields import Id
from services.auth.schemas.memberships import MemberPage, MembersUpdate, ProjectAssignment, ProjectsAssigned
from services.auth.schemas.users import Member, ProjectName
from services.auth.usecases import memberships

router = APIRouter(prefix="/user", tags=["memberships"])
ProjectId = Annotated[Id, Path()]


async def _confirm_projects(ids: Collection[int]) -> None:
    """Ask the catalog about projects that the replica does not have, before they are refused.

    Raises: DependencyUnavailable.
    """
    async with database.transaction() as session:
        unknown = await queries.unknown_project_ids(session, ids)
    if not unknown:
        return
    found = await clients.look_up_projects(unknown)
    async with database.transaction() as session:
        await memberships.keep_projects(session, found)


async def _confirm_assigned(assignment: ProjectAssignment, _: Superuser) -> None:
    await _confirm_projects(assignment.project_ids)


@router.post("/assign-projects", summary="Set a user's projects", dependencies=[Depends(_confirm_assigned)])
async def assign_projects(assignment: ProjectAssignment, caller: Superuser, session: Session) -> ProjectsAssigned:
    """Make a user a member of exactly these projects; superusers only. An unknown id: 400, and nothing is changed."""
    user, projects = await memberships.assign_projects(session, caller, assignment.user_id, assignment.project_ids)
    return ProjectsAssigned(
        msg=translate(N_("Assigned projects to user {username}"), {"username": user.username}),
        user_id=user.id,
        username=user.username,
        current_projects=[ProjectName.model_validate(project) for project in projects],
        project_count=len(projects),
    )


async def _confirm_project(project_id: ProjectId, _: Caller) -> None:
    await _confirm_projects([project_id])


@router.get(
    "/projects/{project_id}/members", summary="List a project's members", dependencies=[Depends(_confirm_project)]
)
async def list_members(project_id: ProjectId, _: Caller, session: Session, paging: PagingQuery) -> MemberPage:
    """The users who may write in a project, by id."""
    return await _members(session, project_id, paging)


@router.put(
    "/projects/{project_id}/members", summary="Set a project's members", dependencies=[Depends(_confirm_project)]
)
async def set_members(
    project_id: ProjectId, given: GivenBody[MembersUpdate], caller: Superuser, session: Session
) -> MemberPage:
    """Make exactly these users members of a project; superusers only. Answers the first page of them."""
    await memberships.set_members(session, caller, project_id, given)
    return await _members(session, project_id, Paging(page=1, page_size=200))


async def _members(session: Session, project_id: int, paging: Paging) -> MemberPage:
    total, found = await queries.list_members(session, project_id, paging)
    return MemberPage(
        msg=translate(N_("Done")),
        total=total,
        **paging.model_dump(),
        data=[Member.model_validate(user) for user in found],
    )
