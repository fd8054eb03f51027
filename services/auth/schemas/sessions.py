"""Logging in and out, and what is told about a token and the platform."""

from pydantic import BaseModel

from kit.http import Body
from services.auth.schemas.fields import GivenName, GivenPassword, Message, NewPassword, example

USER_INFO = {"id": 1, "username": "admin", "name": "管理员", "is_superuser": True, "must_change_password": False}


class Login(Body):
    """Name and password."""

    model_config = example({"username": "admin", "password": "correct horse battery"})

    username: GivenName
    password: GivenPassword


class UserInfo(BaseModel):
    """Who logged in."""

    model_config = example(USER_INFO)

    id: int
    username: str
    name: str
    """The real name."""
    is_superuser: bool
    must_change_password: bool
    """Everything but changing the password is refused until it is changed."""


class LoggedIn(Message):
    """The new session; the one before has ended."""

    model_config = example(
        {
            "msg": "登录成功！",
            "token": "rnd_Jx0cV4u5nT3k9QbYw1m7e2LrA8sD6fGhZpXoCiUyTqE",
            "user_info": USER_INFO,
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

    model_config = example({"old_password": "123456", "password": "correct horse battery"})

    old_password: GivenPassword
    password: NewPassword
    """At least 8 characters, and not the default password."""


class Verified(Message):
    """Whose token it is, and what it may be used for."""

    model_config = example(
        {"msg": "操作成功", "user_id": 5, "username": "testuser", "is_superuser": False, "scopes": ["read", "run"]}
    )

    user_id: int
    username: str
    is_superuser: bool
    scopes: list[str]


class PasswordRules(BaseModel):
    """What a new password must be."""

    model_config = example({"min_length": 8, "not_default": True})

    min_length: int
    not_default: bool


class Retention(BaseModel):
    """How many days things are kept."""

    model_config = example({"steps_days": 30, "runs_days": 365, "deliveries_days": 90, "audit_days": 365})

    steps_days: int
    """Requests, responses and judgements."""
    runs_days: int
    """Runs and their totals."""
    deliveries_days: int
    audit_days: int


class Platform(Message):
    """What a client wants to know before anyone has logged in; the last two only with a token."""

    model_config = example(
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
