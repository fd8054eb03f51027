"""The shapes of the notifier's HTTP API."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, PlainSerializer

from kit.clock import utc_text

Moment = Annotated[datetime, PlainSerializer(utc_text, return_type=str)]

Status = Literal["queued", "sending", "sent", "failed", "skipped"]


class ChannelName(BaseModel):
    """The channel that a delivery goes over."""

    id: int
    """0: the built-in mail channel."""
    kind: str
    """`email`, `webhook` or a chat's."""
    name: str | None
    """None: the built-in mail channel, or one that was deleted."""


class Recipient(BaseModel):
    """Who is told."""

    kind: Literal["user", "channel"]
    id: int
    name: str | None


class DeliveryRead(BaseModel):
    """One message to one recipient over one channel."""

    id: UUID
    run_id: UUID
    task_id: int
    task_name: str
    channel: ChannelName
    recipient: Recipient
    status: Status
    reason: str | None
    """Why it was skipped: `rule`, `too_old`, `deleted`, `disabled`, `no_address`, `mail_off`, `muted`."""
    error: str | None
    """What the last try met."""
    via: str | None
    """How it went out: `smtp`, `file` (no mail server is configured; see `DATA_DIR/mail`), `http`."""
    tries: int
    next_try_at: Moment | None
    """Only while `queued`."""
    created_at: Moment
    ended_at: Moment | None


class RenderedMail(BaseModel):
    """A mail as its reader sees it. Show the HTML in a sandboxed frame."""

    subject: str
    html: str
    text: str


class DeliveryDetail(DeliveryRead):
    """A delivery with its message."""

    mail: RenderedMail | None
    """None for who is neither the recipient nor a member of the run's projects."""
