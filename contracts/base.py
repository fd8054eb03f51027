"""What every event has in common.

Facts stand in the body, identity (id, time, type, source) in the CloudEvents headers: an id with a default in
the body would be made anew at each delivery, and a consumer could no longer tell a duplicate.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """A fact that a service states on one topic.

    Consumers ignore fields that they do not know, so a producer may add some.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

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

    id: int
    revision: int
    deleted: bool
