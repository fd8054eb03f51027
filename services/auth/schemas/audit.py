"""The audit."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from kit.http import Page
from services.auth.schemas.fields import Id, Instant, Message, SearchText, example, page_example

AUDIT = {
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


class Actor(BaseModel):
    """Who did it, by the name of that time."""

    model_config = example({"id": 1, "username": "admin"})

    id: int
    username: str


class AuditRead(BaseModel):
    """Who did what to which object."""

    model_config = example(AUDIT)

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

    model_config = page_example(AUDIT)
