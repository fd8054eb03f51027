"""Events on their way, as a broker hands them over."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from contracts.base import Event
from contracts.cloudevents import Envelope


def enveloped(event: Event, id_: UUID | None = None) -> Envelope:
    """An event in its envelope, new unless it has an id."""
    return Envelope(
        id=id_ or uuid7(),
        type=event.event_type(),
        topic=event.topic,
        key=event.key,
        source="/rounds/tests",
        subject=event.key,
        time=datetime.now(UTC),
        traceparent=None,
        value=event.model_dump_json().encode(),
    )
