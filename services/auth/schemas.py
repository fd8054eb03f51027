"""The shapes of auth's HTTP API. Times are naive, in the platform's zone, each with a twin in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from contracts.auth import NotifySettings, UserChanged
from kit.http import Body, FaultReason, Page
from kit.settings import settings

NO_NUL = r"^[^\x00]*$"
TRIMMED = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"

Id = Annotated[int, Field(ge=1, le=2**31 - 1)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=TRIMMED)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^([^@\s\x00]+@[^@\s\x00]+)?$")]
NewPassword = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=NO_NUL)]
GivenName = Annotated[str, StringConstraints(max_length=100, pattern=NO_NUL)]
GivenPassword = Annotated[str, StringConstraints(max_length=256, pattern=NO_NUL)]
SearchText = Annotated[str, StringConstraints(max_length=100, pattern=NO_NUL)]
Scope = Literal["read", "run", "write"]
UserSort = Literal["id", "-id", "username", "-username", "real_name", "-real_name", "last_login", "-last_login"]


def _instant(given: Any) -> datetime:  # noqa: ANN401 (whatever the body holds)
    """A time with an offset, or a naive one in the platform's zone; in the fold of a DST change the first."""
    if not isinstance(given, str):
        raise FaultReason("wrong_type")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?", given, re.ASCII):
        raise FaultReason("bad_format")
    zone = settings().zone
    try:
        moment = datetime.fromisoformat(given)
        in_utc = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        exists = moment.tzinfo or in_utc.astimezone(zone).replace(tzinfo=None) == moment
    except (ValueError, OverflowError):
        raise FaultReason("bad_format") from None
    if not exists:
        raise FaultReason("time_does_not_exist")
    return in_utc


Instant = Annotated[datetime, BeforeValidator(_instant)]


def _example(fields: dict[str, Any]) -> ConfigDict:
    return ConfigDict(use_attribute_docstrings=True, json_schema_extra={"examples": [fields]})


def _absent(**options: Any) -> Any:  # noqa: ANN401 (a field)
    """A field that may be left out, and is then not among `model_fields_set`; null is no value of it."""
    return Field(default=None, json_schema_extra=_without_default, **options)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


_USER_INFO = {"id": 1, "username": "admin", "name": "管理员", "is_superuser": True, "must_change_password": False}
_MEMBER = {"id": 5, "username": "testuser", "real_name": "王小明"}
_USER = {**_MEMBER, "is_active": True}
_PROJECTS = [{"id": 1, "name": "项目A"}, {"id": 2, "name": "项目B"}]
_FULL_USER = {
    **_USER,
    "email": "wang@example.com",
    "is_superuser": False,
    "must_change_password": False,
    "last_login": "2025-08-26T15:00:00",
    "last_login_utc": "2025-08-26T07:00:00Z",
    "projects": _PROJECTS,
}
_SETTINGS = {
    "environments": {"7": 3},
    "failed_stop": True,
    "only_failed_log": False,
    "language": "zh",
    "notify": {"email": True},
}
_TOKEN = {
    "id": 4,
    "name": "CI",
    "scopes": ["read", "run"],
    "created": "2025-08-26T15:00:00",
    "created_utc": "2025-08-26T07:00:00Z",
    "expires_at": "2027-01-01T00:00:00",
    "expires_at_utc": "2026-12-31T16:00:00Z",
}
_AUDIT = {
    "id": 17,
    "at": "2025-08-26T15:00:00",
    "at_utc": "2025-08-26T07:00:00Z",
    "actor": {"id": 1, "username": "admin"},
    "action": "user.updated",
    "object_type": "user",
    "object_id": 5,
    "object_name": "testuser",
    "before": {"is_active": True},
    "after": {"is_active": False},
    "address": "",
    "request_id": "0198e0c2-7b1f-7d30-8c11-2f6d0a6c9b51",
}


def _page(msg: str, row: dict[str, Any]) -> ConfigDict:
    return _example({"msg": msg, "total": 1, "page": 1, "page_size": 20, "data": [row]})


class Message(BaseModel):
    """That it is done."""

    model_config = _example({"msg": "操作成功"})

    msg: str


# Log-in


class Login(Body):
    """Name and password."""

    model_config = _example({"username": "admin", "password": "correct horse battery"})

    username: GivenName
    password: GivenPassword


class UserInfo(BaseModel):
    """Who logged in."""

    model_config = _example(_USER_INFO)

    id: int
    username: str
    name: str
    """The real name."""
    is_superuser: bool
    must_change_password: bool
    """Everything but changing the password is refused until it is changed."""


class LoggedIn(Message):
    """The new session; the one before has ended."""

    model_config = _example(
        {
            "msg": "登录成功！",
            "token": "rnd_Jx0cV4u5nT3k9QbYw1m7e2LrA8sD6fGhZpXoCiUyTqE",
            "user_info": _USER_INFO,
            "expires_at": "2025-08-27T15:00:00",
            "expires_at_utc": "2025-08-27T07:00:00Z",
        }
    )

    token: str
    user_info: UserInfo
    expires_at: str
    expires_at_utc: str


class PasswordChange(Body):
    """The old password and the new one."""

    model_config = _example({"old_password": "123456", "password": "correct horse battery"})

    old_password: GivenPassword
    password: NewPassword
    """At least 8 characters, and not the default password."""


class Verified(Message):
    """Whose token it is, and what it may be used for."""

    model_config = _example(
        {"msg": "操作成功", "user_id": 5, "username": "testuser", "is_superuser": False, "scopes": ["read", "run"]}
    )

    user_id: int
    username: str
    is_superuser: bool
    scopes: list[str]


class PasswordRules(BaseModel):
    """What a new password must be."""

    model_config = _example({"min_length": 8, "not_default": True})

    min_length: int
    not_default: bool


class Retention(BaseModel):
    """How many days things are kept."""

    model_config = _example({"steps_days": 30, "runs_days": 365, "deliveries_days": 90, "audit_days": 365})

    steps_days: int
    """Requests, responses and judgements."""
    runs_days: int
    """Runs and their totals."""
    deliveries_days: int
    audit_days: int


class Platform(Message):
    """What a client wants to know before anyone has logged in; the last two only with a token."""

    model_config = _example(
        {
            "msg": "操作成功",
            "version": "1.0.0",
            "timezone": "Asia/Shanghai",
            "languages": ["zh", "en"],
            "password_rules": {"min_length": 8, "not_default": True},
            "first_run": False,
            "mail_configured": True,
            "retention": {"steps_days": 30, "runs_days": 365, "deliveries_days": 90, "audit_days": 365},
        }
    )

    version: str
    timezone: str
    """In which naive times are read and written."""
    languages: list[str]
    password_rules: PasswordRules
    first_run: bool
    """The first superuser still has the password that was printed at the first start."""
    mail_configured: bool | None
    retention: Retention | None


# Users


class UserCreate(Body):
    """A new user."""

    model_config = _example(
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

    model_config = _example({"id": 5, "real_name": "王明", "is_active": False})

    id: Id
    username: Name = _absent()
    real_name: Name = _absent()
    email: Email = _absent()
    is_active: bool = _absent()
    is_superuser: bool = _absent()
    password: NewPassword | None = _absent()
    """Null for the default password. Either way the user's session ends."""


class ProjectName(BaseModel):
    """A project by name."""

    model_config = _example(_PROJECTS[0]) | ConfigDict(from_attributes=True)

    id: int
    name: str


class Member(BaseModel):
    """A user by name."""

    model_config = _example(_MEMBER) | ConfigDict(from_attributes=True)

    id: int
    username: str
    real_name: str


class UserRead(Member):
    """What everybody may know of a user."""

    model_config = _example(_USER)

    is_active: bool


class UserReadFull(UserRead):
    """What a superuser may know of a user."""

    model_config = _example(_FULL_USER)

    email: str
    is_superuser: bool
    must_change_password: bool
    last_login: str | None
    last_login_utc: str | None
    projects: list[ProjectName]


class UserAnswer(Message):
    """A user, as saved."""

    model_config = _example({"msg": "用户创建成功", "user": _FULL_USER})

    user: UserReadFull


class UserPage(Page[UserRead], Message):
    """A page of users."""

    model_config = _page("操作成功", _USER)


class UserPageFull(Page[UserReadFull], Message):
    """A page of users, for superusers."""

    model_config = _page("操作成功", _FULL_USER)


class NotifyUpdate(Body):
    """Over which channels the user wants to be told."""

    model_config = _example({"email": True})

    email: bool


class SettingsUpdate(Body):
    """Any subset of a user's settings."""

    model_config = _example(_SETTINGS)

    environments: dict[Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}$")], Id] = _absent(max_length=1000)
    """Environment by project; replaces all of them."""
    failed_stop: bool = _absent()
    only_failed_log: bool = _absent()
    language: Literal["zh", "en"] = _absent()
    notify: NotifyUpdate = _absent()


class SettingsRead(Message):
    """A user's settings."""

    model_config = _example({"msg": "操作成功", "user_id": 5, **_SETTINGS})

    user_id: int
    environments: dict[str, int]
    """Environment by project."""
    failed_stop: bool
    """Stop a case at its first failed step."""
    only_failed_log: bool
    """Keep request and response of failed steps only."""
    language: Literal["zh", "en"]
    notify: NotifySettings


# Memberships


class ProjectAssignment(Body):
    """Exactly the projects that a user is to be a member of."""

    model_config = _example({"user_id": 5, "project_ids": [1, 2]})

    user_id: Id
    project_ids: list[Id] = Field(max_length=10_000)


class ProjectsAssigned(Message):
    """The user's projects from now on."""

    model_config = _example(
        {
            "msg": "成功为用户 testuser 分配项目",
            "user_id": 5,
            "username": "testuser",
            "current_projects": _PROJECTS,
            "project_count": 2,
        }
    )

    user_id: int
    username: str
    current_projects: list[ProjectName]
    project_count: int


class MembersUpdate(Body):
    """Exactly the users who are to be members of a project."""

    model_config = _example({"user_ids": [5, 6]})

    user_ids: list[Id] = Field(max_length=10_000)


class MemberPage(Page[Member], Message):
    """A page of a project's members."""

    model_config = _page("操作成功", _MEMBER)


# API tokens


class TokenCreate(Body):
    """A new API token. A name and its password may stand in place of a session, which they do not end."""

    model_config = _example({"name": "CI", "scopes": ["read", "run"], "expires_at": "2027-01-01T00:00:00"})

    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=3)
    expires_at: Instant
    """Naive in the platform's zone, or with an offset."""
    username: GivenName | None = None
    password: GivenPassword | None = None


class TokenRead(BaseModel):
    """An API token; its text is shown when it is made, and never again."""

    model_config = _example(_TOKEN)

    id: int
    name: str
    scopes: list[str]
    created: str
    created_utc: str
    expires_at: str
    expires_at_utc: str


class TokenMade(TokenRead, Message):
    """A new API token with its text, shown this once."""

    model_config = _example(
        {"msg": "API Token 创建成功", "token": "rnd_Jx0cV4u5nT3k9QbYw1m7e2LrA8sD6fGhZpXoCiUyTqE", **_TOKEN}
    )

    token: str


class TokenPage(Page[TokenRead], Message):
    """A page of the caller's API tokens."""

    model_config = _page("操作成功", _TOKEN)


# Audit


class Actor(BaseModel):
    """Who did it, by the name of that time."""

    model_config = _example({"id": 1, "username": "admin"})

    id: int
    username: str


class AuditRead(BaseModel):
    """Who did what to which object."""

    model_config = _example(_AUDIT)

    id: int
    at: str
    at_utc: str
    actor: Actor | None
    """Null: nobody was logged in."""
    action: str
    object_type: str
    object_id: int | None
    object_name: str
    before: dict[str, Any] | None
    """What the action changed, as it was; secrets are `***`."""
    after: dict[str, Any] | None
    address: str
    """Of log-ins: where from."""
    request_id: str | None


@dataclass(frozen=True)
class AuditFilter:
    """Which entries are wanted: all that fit everything given."""

    actor_id: Id | None = None
    action: SearchText | None = None
    object_type: SearchText | None = None
    object_id: Id | None = None
    since: Instant | None = None
    until: Instant | None = None


class AuditPage(Page[AuditRead], Message):
    """A page of the audit, newest first."""

    model_config = _page("操作成功", _AUDIT)


# Between services


class Ids(Body):
    """Which objects are meant."""

    ids: list[Id] = Field(max_length=10_000)


class UsersFound(BaseModel):
    """Whole states, the deleted ones too; ids of nobody are left out."""

    users: list[UserChanged]


class TokenHash(Body):
    """Which token is meant, by its sha256 in hexadecimal."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class UserOfToken(BaseModel):
    """The user of a valid token."""

    user: UserChanged


class TokenRefused(BaseModel):
    """Why a token is not valid."""

    reason: str
    replaced_at: str | None = None
