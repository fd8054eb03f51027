"""What the notifier service states: what became of its deliveries."""

from typing import ClassVar, Literal
from uuid import UUID

from contracts.base import Event


class NotificationSent(Event):
    """The other side accepted a delivery."""

    topic: ClassVar[str] = "notification.sent"
    key_field: ClassVar[str] = "run_id"

    delivery_id: UUID
    """Id of the delivery: the same at every try."""
    run_id: UUID
    """The run that it tells of."""
    channel: str
    """Kind of the channel: `email`, `webhook` or a chat's."""
    recipient_kind: Literal["user", "channel"]
    """`user`: an owner of the task; `channel`: a channel of a project."""
    recipient_id: int
    """Id of that user or channel."""
    tries: int
    """How often it was tried, from 1."""
    error: str | None
    """What the last try before the accepted one met; null: nothing."""


class NotificationFailed(Event):
    """A delivery was refused for good, or was tried for 24 hours in vain."""

    topic: ClassVar[str] = "notification.failed"
    key_field: ClassVar[str] = "run_id"

    delivery_id: UUID
    """Id of the delivery: the same at every try."""
    run_id: UUID
    """The run that it tells of."""
    channel: str
    """Kind of the channel: `email`, `webhook` or a chat's."""
    recipient_kind: Literal["user", "channel"]
    """`user`: an owner of the task; `channel`: a channel of a project."""
    recipient_id: int
    """Id of that user or channel."""
    tries: int
    """How often it was tried, from 1."""
    error: str
    """What the last try met."""
