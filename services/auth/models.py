"""Auth's tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, ForeignKey, Identity, Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from services.auth.db import database

NO_NAME = ""
"""`username` of the row of `login_failure` that counts for an address as a whole."""


class Base(SQLModel, registry=database.registry):
    """Every table of auth."""


def _moment(*, now: bool = False, **options: Any) -> Any:  # noqa: ANN401 (a field)
    defaults = {"server_default": func.clock_now()} if now else {}
    return Field(default=None, sa_type=DateTime(timezone=True), sa_column_kwargs=defaults, **options)


class User(Base, table=True):
    """Who may log in. A deleted user keeps id and names, so that what names it can still be read."""

    __tablename__ = "user"
    __table_args__ = (
        Index("user_username_key", "username", unique=True, postgresql_where=text("NOT deleted")),
        Index("user_is_first_key", "is_first", unique=True, postgresql_where=text("is_first")),
    )

    id: int = Field(default=None, sa_column=Column(Integer, Identity(), primary_key=True))
    username: str = Field(sa_type=Text)
    real_name: str = Field(sa_type=Text)
    email: str = Field(default="", sa_type=Text)
    """Empty: no mail."""
    password_hash: str = Field(sa_type=Text)
    """argon2id; empty once the user is deleted."""
    is_active: bool = True
    is_superuser: bool = False
    is_first: bool = False
    """The first superuser, who can neither be renamed nor disabled nor deleted nor lose the right."""
    must_change_password: bool = False
    settings: dict[str, Any] = Field(sa_type=JSONB)
    """`contracts.auth.UserSettings`."""
    last_login: datetime | None = _moment(nullable=True)
    revision: int = Field(default=1, sa_type=BigInteger)
    deleted: bool = False
    created_at: datetime = _moment(now=True, nullable=False)
    updated_at: datetime = _moment(now=True, nullable=False)


class Token(Base, table=True):
    """A log-in of a person, or a machine's key. At most one session per user is live."""

    __tablename__ = "token"
    __table_args__ = (
        Index("token_user_id_idx", "user_id"),
        Index(
            "token_live_session_key",
            "user_id",
            unique=True,
            postgresql_where=text("kind = 'session' AND replaced_at IS NULL"),
        ),
        Index("token_expires_at_idx", "expires_at"),
    )

    id: int = Field(default=None, sa_column=Column(Integer, Identity(), primary_key=True))
    sha256: str = Field(sa_type=Text, unique=True)
    """Of the token, in hexadecimal; the token itself is stored nowhere."""
    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user.id"), nullable=False))
    kind: str = Field(sa_type=Text)
    """`session` or `api`."""
    name: str = Field(default="", sa_type=Text)
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = _moment(now=True, nullable=False)
    expires_at: datetime = _moment(nullable=False)
    replaced_at: datetime | None = _moment(nullable=True)
    """When a newer log-in ended this session; the row stays for a day, to tell whoever still comes with it."""


class Membership(Base, table=True):
    """That a user may write in a project."""

    __tablename__ = "membership"
    __table_args__ = (Index("membership_project_id_user_id_idx", "project_id", "user_id"),)

    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user.id"), primary_key=True))
    project_id: int = Field(sa_column=Column(Integer, ForeignKey("known_project.id"), primary_key=True))


class KnownProject(Base, table=True):
    """Replica of `project.changed`."""

    __tablename__ = "known_project"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str = Field(sa_type=Text)
    revision: int = Field(sa_type=BigInteger)
    deleted: bool


class LoginFailure(Base, table=True):
    """Failed log-ins of a name from an address, or (`username` empty) of the address as a whole."""

    __tablename__ = "login_failure"

    username: str = Field(sa_type=Text, primary_key=True)
    address: str = Field(sa_type=Text, primary_key=True)
    """IPv4, or the /64 network of an IPv6."""
    failed_at: list[datetime] = Field(sa_column=Column(ARRAY(DateTime(timezone=True)), nullable=False))
    """Those of the last 15 minutes, oldest first."""
    locks: int = 0
    """Locks in a row: each is twice as long as the one before."""
    locked_until: datetime | None = _moment(nullable=True)


class Audit(Base, table=True):
    """Who did what to which object."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("audit_at_idx", "at"),
        Index("audit_actor_id_id_idx", "actor_id", "id"),
        Index("audit_object_type_object_id_id_idx", "object_type", "object_id", "id"),
    )

    id: int = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    at: datetime = _moment(now=True, nullable=False)
    actor_id: int | None = None
    """None: nobody was logged in."""
    actor_name: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    """Such as `user.updated`."""
    object_type: str = Field(sa_type=Text)
    object_id: int | None = None
    object_name: str = Field(sa_type=Text)
    before: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    """What the action changed, as it was; secrets are `***`. None: there was nothing."""
    after: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    address: str = Field(default="", sa_type=Text)
    request_id: str | None = Field(default=None, sa_type=Text)
