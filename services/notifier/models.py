"""The notifier's tables."""

from datetime import datetime, time
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ARRAY, JSON, BigInteger, Index, Integer, Text, func, text
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from contracts.scheduler import Notify
from services.notifier.db import database
from services.notifier.rules.chats import ChannelKind

MAIL_CHANNEL_ID = 0
"""The built-in channel that mails owners; it has no row, since nobody can edit it."""

DeliveryStatus = Literal["queued", "sending", "sent", "failed", "skipped"]


def _moment(*, nullable: bool = False, now: bool = False) -> Any:  # noqa: ANN401 (a SQLModel field)
    default = func.clock_now() if now else None
    return Field(
        default=None,
        sa_type=SqlDateTime(timezone=True),
        nullable=nullable,
        sa_column_kwargs={"server_default": default},
    )


class Base(SQLModel, registry=database.registry):
    """Every table of the notifier."""


class KnownProject(Base, table=True):
    """Replica of `project.changed`."""

    __tablename__ = "known_project"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str = Field(sa_type=Text)
    revision: int = Field(sa_type=BigInteger)
    deleted: bool


class CompletedRun(Base, table=True):
    """What there is to tell: a final run of a task. Deliveries are rendered from it."""

    __tablename__ = "completed_run"
    __table_args__ = (
        Index("completed_run_created_at_idx", "created_at"),
        Index("completed_run_task_id_idx", "task_id", "run_id"),
    )

    run_id: UUID = Field(primary_key=True)
    task_id: int
    project_ids: list[int] = Field(sa_type=ARRAY(Integer))
    body: dict[str, Any] = Field(sa_type=JSON)
    """The event `run.completed`. Not jsonb, which refuses the character U+0000 that an answer may have held."""
    change: dict[str, Any] | None = Field(sa_type=JSONB, nullable=True)
    """What differs from the task's run before, as `rules.telling.Change`; null: there was none."""
    traceparent: str | None = None
    """Trace context of the event; what is sent continues that trace."""
    created_at: datetime = _moment(now=True)


class TaskState(Base, table=True):
    """How each case of a task ended when it last ran: what the next run is compared with."""

    __tablename__ = "task_state"

    task_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    run_id: UUID
    status: str = Field(sa_type=Text)
    pass_rate: float | None
    cases: dict[str, str] = Field(sa_type=JSONB)
    """Status by case id, as text."""
    finished_at: datetime = _moment()


class Delivery(Base, table=True):
    """One message to one recipient over one channel."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("delivery_run_id_channel_id_recipient_key", "run_id", "channel_id", "recipient", unique=True),
        Index("delivery_unsubscribe_token_key", "unsubscribe_token", unique=True),
        Index("delivery_due_mail_idx", "not_before", postgresql_where=text("status = 'queued' AND channel_id = 0")),
        Index("delivery_due_post_idx", "not_before", postgresql_where=text("status = 'queued' AND channel_id > 0")),
        Index("delivery_lease_idx", "lease_until", postgresql_where=text("status = 'sending'")),
        Index("delivery_created_at_idx", "created_at", "id"),
        Index("delivery_status_created_at_idx", "status", "created_at"),
        Index("delivery_channel_id_recipient_idx", "channel_id", "recipient", "created_at"),
    )

    id: UUID = Field(primary_key=True)
    """uuid5 of run, channel and recipient: the same however often the event comes."""
    run_id: UUID = Field(foreign_key="completed_run.run_id", ondelete="CASCADE")
    channel_id: int
    """`MAIL_CHANNEL_ID`, or a channel's, which may have been deleted since."""
    channel_kind: Literal["email"] | ChannelKind = Field(sa_type=Text)
    recipient: int
    """A user's id on the mail channel, else the channel's own."""
    language: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    """Why it was skipped, as a word."""
    error: str | None = Field(sa_type=Text)
    """What the last try met."""
    via: str | None = Field(sa_type=Text)
    """How it went out: `smtp`, `file` (no mail server is configured), `http`."""
    tries: int
    not_before: datetime = _moment()
    give_up_at: datetime = _moment()
    lease_token: UUID | None
    lease_until: datetime | None = _moment(nullable=True)
    unsubscribe_token: str = Field(sa_type=Text)
    created_at: datetime = _moment(now=True)
    ended_at: datetime | None = _moment(nullable=True)


class Channel(Base, table=True):
    """Where a project's runs are told beside its owners' mail: a webhook or a chat."""

    __tablename__ = "channel"
    __table_args__ = (Index("channel_project_id_name_key", "project_id", "name", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    project_id: int
    name: str = Field(sa_type=Text)
    kind: ChannelKind = Field(sa_type=Text)
    url: str = Field(sa_type=Text)
    """Encrypted: addresses of chats are secrets."""
    host: str = Field(sa_type=Text)
    """The part of the address that may be shown."""
    secret: str | None = Field(sa_type=Text)
    """Encrypted; signs what is posted."""
    notify: Notify = Field(sa_type=Text)
    language: str = Field(sa_type=Text)
    enabled: bool
    revision: int
    created_at: datetime = _moment(now=True)
    created_by: int
    updated_at: datetime = _moment(now=True)
    updated_by: int


class Preference(Base, table=True):
    """When a user wants to be left alone."""

    __tablename__ = "preference"

    user_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    quiet_from: time | None
    quiet_until: time | None
    timezone: str = Field(sa_type=Text)
    """In which the quiet hours are meant."""
    muted_until: datetime | None = _moment(nullable=True)
    muted_task_ids: list[int] = Field(sa_type=ARRAY(Integer))
