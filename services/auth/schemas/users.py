"""Users and their settings."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from contracts.auth import NotifySettings
from kit.http import Body, Page
from services.auth.schemas.fields import Email, Id, Message, Name, NewPassword, absent, example, page_example

UserSort = Literal["id", "-id", "username", "-username", "real_name", "-real_name", "last_login", "-last_login"]

MEMBER = {"id": 5, "username": "testuser", "real_name": "王小明"}

USER = {**MEMBER, "is_active": True}

PROJECTS = [{"id": 1, "name": "项目A"}, {"id": 2, "name": "项目B"}]

FULL_USER = {
    **USER,
    "email": "wang@example.com",
    "is_superuser": False,
    "must_change_password": False,
    "last_login": "2025-08-26T15:00:00",
    "last_login_utc": "2025-08-26T07:00:00Z",
    "projects": PROJECTS,
}

SETTINGS = {
    "environments": {"7": 3},
    "failed_stop": True,
    "only_failed_log": False,
    "language": "zh",
    "notify": {"email": True},
}


class UserCreate(Body):
    """A new user."""

    model_config = example(
        {
            "username": "testuser",
            "real_name": "王小明",
            "email": "wang@example.com",
            "password": "correct horse battery",
        }
    )

    username: Name
    real_name: Name | None = None
    """Not given: the username."""
    email: Email = ""
    password: NewPassword | None = None
    """Not given: the default password. That one, like any shorter than 8 characters, must be changed first."""
    is_superuser: bool = False


class UserUpdate(Body):
    """What to change of a user; what is left out stays."""

    model_config = example({"id": 5, "real_name": "王明", "is_active": False})

    id: Id
    username: Name = absent()
    real_name: Name = absent()
    email: Email = absent()
    is_active: bool = absent()
    is_superuser: bool = absent()
    password: NewPassword | None = absent()
    """Null for the default password. Either way the user's session ends."""


class ProjectName(BaseModel):
    """A project by name."""

    model_config = example(PROJECTS[0]) | ConfigDict(from_attributes=True)

    id: int
    name: str


class Member(BaseModel):
    """A user by name."""

    model_config = example(MEMBER) | ConfigDict(from_attributes=True)

    id: int
    username: str
    real_name: str


class UserRead(Member):
    """What everybody may know of a user."""

    model_config = example(USER)

    is_active: bool


class UserReadFull(UserRead):
    """What a superuser may know of a user."""

    model_config = example(FULL_USER)

    email: str
    is_superuser: bool
    must_change_password: bool
    last_login: str | None
    last_login_utc: str | None
    projects: list[ProjectName]


class UserAnswer(Message):
    """A user, as saved."""

    model_config = example({"msg": "用户创建成功", "user": FULL_USER})

    user: UserReadFull


class UserPage(Page[UserRead], Message):
    """A page of users."""

    model_config = page_example(USER)


class UserPageFull(Page[UserReadFull], Message):
    """A page of users, for superusers."""

    model_config = page_example(FULL_USER)


class NotifyUpdate(Body):
    """Over which channels the user wants to be told."""

    model_config = example({"email": True})

    email: bool


class SettingsUpdate(Body):
    """Any subset of a user's settings."""

    model_config = example(SETTINGS)

    environments: dict[Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}$")], Id] = absent(max_length=1000)
    """Environment by project; replaces all of them."""
    failed_stop: bool = absent()
    only_failed_log: bool = absent()
    language: Literal["zh", "en"] = absent()
    notify: NotifyUpdate = absent()


class SettingsRead(Message):
    """A user's settings."""

    model_config = example({"msg": "操作成功", "user_id": 5, **SETTINGS})

    user_id: int
    environments: dict[str, int]
    """Environment by project."""
    failed_stop: bool
    """Stop a case at its first failed step."""
    only_failed_log: bool
    """Keep request and response of failed steps only."""
    language: Literal["zh", "en"]
    notify: NotifySettings
