"""What every event has in common.

Facts stand in the body, identity (id, time, type, source) in the CloudEvents headers: an id with a default in
the body would be made anew at each delivery, and a consumer could no longer tell a duplicate.
"""

from datetime import UTC
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, model_validator

UtcTime = Annotated[AwareDatetime, AfterValidator(lambda time: time.astimezone(UTC))]
"""An instant; on the wire RFC 3339 in UTC, such as `2025-08-26T07:00:00Z`."""


class Part(BaseModel):
    """A piece of an event's body.

    Consumers ignore fields that they do not know, so a producer may add some. Values are strict: `"1"` is no
    integer, on neither side.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, use_attribute_docstrings=True)


class Event(Part):
    """A fact that a service states on one topic."""

    topic: ClassVar[str]
    """Name of the topic, without the cluster's prefix; also the middle of `ce_type`."""
    version: ClassVar[int] = 1
    key_field: ClassVar[str]
    """The field whose value orders events: events of one key are delivered in the order they were stated."""

    @property
    def key(self) -> str:
        """The Kafka key of this event."""
        return str(getattr(self, self.key_field))

    @classmethod
    def event_type(cls) -> str:
        """The CloudEvents type, such as `rounds.task.due.v1`."""
        return f"rounds.{cls.topic}.v{cls.version}"


class StateEvent(Event):
    """The whole present state of one object; the higher revision wins.

    Its topic is compacted. A deleted object keeps its id and name, says `deleted: true` and nothing else.
    """

    key_field: ClassVar[str] = "id"
    name_fields: ClassVar[frozenset[str]] = frozenset({"name"})
    """What a deleted object keeps beside its id, so that those who refer to it can still name it."""

    id: int
    """Id of the object."""
    revision: int
    """Counted up from 1 by every change, the deletion included."""
    deleted: bool
    """Whether the object is gone; then everything but id, names and revision is null."""

    @classmethod
    def of_deleted(cls, object_id: int, revision: int, **names: str) -> Self:
        """State that an object is gone: everything but its id, revision and names is null.

        Raises: ValidationError (a name is missing).
        """
        kept: dict[str, Any] = {"id": object_id, "revision": revision, "deleted": True, **names}
        return cls.model_validate(dict.fromkeys(cls.model_fields) | kept)

    @model_validator(mode="after")
    def _deleted_says_nothing_else(self) -> Self:
        kept = self.name_fields | {"id", "revision", "deleted"}
        state: dict[str, Any] = {name: value for name, value in self if name not in kept}
        left = sorted(name for name, value in state.items() if value is not None)
        if self.deleted and left:
            raise ValueError(f"a deleted object still carries {', '.join(left)}")
        return self
