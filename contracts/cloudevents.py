"""CloudEvents 1.0 in Kafka's binary mode: identity in the headers, facts in the value."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, TypeVar
from uuid import UUID

from contracts.base import Event

EventT = TypeVar("EventT", bound=Event)
EventClass = type[EventT]

CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One event on its way: what the headers say, the Kafka key and the JSON value."""

    id: UUID
    """The same at every delivery: what a consumer tells duplicates by."""
    type: str
    """Such as `rounds.task.due.v1`."""
    topic: str
    """Without the cluster's prefix."""
    key: str
    source: str
    """Such as `/rounds/scheduler`."""
    subject: str
    """What the event is about: the id that is its key."""
    time: datetime
    """When the fact was stated; aware."""
    traceparent: str | None
    """W3C trace context of the request or event that led to this one."""
    value: bytes

    def headers(self) -> dict[str, str]:
        """The headers of the Kafka message; no `traceparent` where none is known."""
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(self.id),
            "ce_type": self.type,
            "ce_source": self.source,
            "ce_time": self.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "ce_subject": self.subject,
            "content-type": CONTENT_TYPE,
        }
        return headers if self.traceparent is None else headers | {"traceparent": self.traceparent}

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], *, topic: str, key: str, value: bytes) -> Self:
        """Read a Kafka message, `topic` being its topic without the prefix.

        Raises: ValueError (a header is missing or malformed, or the message is no CloudEvent 1.0 in JSON).
        """
        try:
            specversion, content_type = headers["ce_specversion"], headers["content-type"]
            event_id, time = UUID(headers["ce_id"]), datetime.fromisoformat(headers["ce_time"])
            event_type, source, subject = headers["ce_type"], headers["ce_source"], headers["ce_subject"]
        except KeyError as missing:
            raise ValueError(f"header {missing} is missing") from None
        if specversion != "1.0" or content_type.partition(";")[0].strip().lower() != CONTENT_TYPE:
            raise ValueError(f"no CloudEvent 1.0 in JSON: ce_specversion {specversion}, content-type {content_type}")
        if time.tzinfo is None:
            raise ValueError(f"ce_time {headers['ce_time']} has no offset")
        return cls(
            id=event_id,
            type=event_type,
            topic=topic,
            key=key,
            source=source,
            subject=subject,
            time=time.astimezone(UTC),
            traceparent=headers.get("traceparent"),
            value=value,
        )

    def payload(self, event: EventClass[EventT]) -> EventT:
        """The event in the value. Raises: pydantic.ValidationError (it is none of this class)."""
        return event.model_validate_json(self.value)
