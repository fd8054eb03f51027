"""Users and their settings."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from kit.clock import naive_text, utc_text
from kit.http import PagingQuery
from kit.messages import N_, translate
from kit.settings import settings
from services.auth import queries
from services.auth.db import Session
from services.auth.endpoints.callers import Caller, Superuser
from services.auth.models import KnownProject, User
from services.auth.schemas.fields import Id, Message, SearchText
from services.auth.schemas.users import (
    ProjectName,
    SettingsRead,
    SettingsUpdate,
    UserAnswer,
    UserCreate,
    UserPage,
    UserPageFull,
    UserRead,
    UserReadFull,
    UserSort,
    UserUpdate,
)
from services.auth.usecases import users

router = APIRouter(prefix="/user", tags=["users"])


@router.post("/user-view", summary="Create a user")
async def create_user(new: UserCreate, caller: Superuser, session: Session) -> UserAnswer:
    """Create a user; superusers only.

    Without a password it is the default one, which the user must change before anything else is allowed.
    """
    user = await users.create_user(session, caller, new)
    return UserAnswer(msg=translate(N_("User created")), user=_full(user, []))


@router.get("/user-view", summary="List users")
async def list_users(
    caller: Caller,
    session: Session,
    paging: PagingQuery,
    is_active: bool | None = None,
    search: SearchText = "",
    sort: UserSort = "id",
) -> UserPage | UserPageFull:
    """Users by page: who they are for everybody, and all about them for superusers.

    `search` looks in usernames and real names, whatever the case.
    """
    total, found = await queries.list_users(session, paging, is_active=is_active, search=search, sort=sort)
    page: dict[str, Any] = {"msg": translate(N_("Done")), "total": total, **paging.model_dump()}
    if not caller.is_superuser:
        return UserPage(**page, data=[UserRead.model_validate(user) for user in found])
    projects = await queries.projects_of_users(session, [user.id for user in found])
    return UserPageFull(**page, data=[_full(user, projects[user.id]) for user in found])


@router.patch("/user-view", summary="Edit a user")
async def update_user(change: UserUpdate, caller: Superuser, session: Session) -> UserAnswer:
    """Change what is given of a user; superusers only.

    The first superuser can neither be renamed nor disabled nor lose the right. A new password, or disabling a user,
    ends the user's session.
    """
    user = await users.update_user(session, caller, change)
    projects = await queries.projects_of_users(session, [user.id])
    return UserAnswer(msg=translate(N_("User saved")), user=_full(user, projects[user.id]))


@router.delete("/user-view", summary="Delete a user")
async def delete_user(id: Annotated[Id, Query(examples=[5])], caller: Superuser, session: Session) -> Message:
    """Delete a user; superusers only, and neither themselves nor the first superuser.

    The memberships and tokens go. Projects stay; tasks keep the owner's name, and no longer mail it.
    """
    await users.delete_user(session, caller, id)
    return Message(msg=translate(N_("User deleted")))


@router.get("/user-cfg-params", summary="Read the own settings")
async def read_settings(caller: Caller) -> SettingsRead:
    """The caller's settings: what tasks that the caller saves start from, and how the caller is told."""
    return SettingsRead(msg=translate(N_("Done")), user_id=caller.user_id, **caller.settings)


@router.post("/set-user-cfg", summary="Change the own settings")
async def change_settings(change: SettingsUpdate, caller: Caller, session: Session) -> SettingsRead:
    """Change any subset of the caller's settings; answers all of them."""
    saved = await users.change_settings(session, caller, change)
    return SettingsRead(msg=translate(N_("Settings saved")), user_id=caller.user_id, **saved)


def _full(user: User, projects: list[KnownProject]) -> UserReadFull:
    return UserReadFull(
        **UserRead.model_validate(user).model_dump(),
        email=user.email,
        is_superuser=user.is_superuser,
        must_change_password=user.must_change_password,
        last_login=user.last_login and naive_text(user.last_login, settings().zone),
        last_login_utc=user.last_login and utc_text(user.last_login),
        projects=[ProjectName.model_validate(project) for project in projects],
    )
