"""Which topics there are, who states on them and who listens."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from contracts.auth import UserChanged
from contracts.base import Event, StateEvent
from contracts.catalog import CaseChanged, EnvironmentChanged, ModuleChanged, ProjectChanged
from contracts.executor import CaseCompleted, RunCompleted, RunStarted
from contracts.notifier import NotificationFailed, NotificationSent
from contracts.scheduler import TaskDue

ServiceName = Literal["auth", "catalog", "scheduler", "executor", "notifier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic: one event class, one producer."""

    event: type[Event]
    producer: ServiceName
    consumers: tuple[ServiceName, ...] = ()
    partitions: int = 12
    """Fixed for life: one more would send a key to another partition and break its order."""
    replication: int = 3
    """Copies wanted; a cluster of fewer brokers holds one per broker."""
    public: bool = False
    """Others may build on it. The rest is internal: only Rounds may read it."""

    @property
    def name(self) -> str:
        """Name without the cluster's prefix."""
        return self.event.topic

    @property
    def compacted(self) -> bool:
        """Whether the broker keeps the last event of each key for ever, so that replicas can be filled from it."""
        return issubclass(self.event, StateEvent)

    @property
    def retention(self) -> timedelta | None:
        """How long events are kept; None: for ever, compacted."""
        return None if self.compacted else timedelta(days=7)


TOPICS: tuple[Topic, ...] = (
    Topic(event=TaskDue, producer="scheduler", consumers=("executor",), public=True),
    Topic(event=RunStarted, producer="executor", consumers=("scheduler",), public=True),
    Topic(event=CaseCompleted, producer="executor", public=True),
    Topic(event=RunCompleted, producer="executor", consumers=("scheduler", "notifier"), public=True),
    Topic(event=NotificationSent, producer="notifier", public=True),
    Topic(event=NotificationFailed, producer="notifier", public=True),
    Topic(event=UserChanged, producer="auth", consumers=("catalog", "scheduler", "executor", "notifier")),
    Topic(event=ProjectChanged, producer="catalog", consumers=("auth", "scheduler", "executor", "notifier")),
    Topic(event=EnvironmentChanged, producer="catalog", consumers=("scheduler", "executor")),
    Topic(event=ModuleChanged, producer="catalog", consumers=("scheduler",)),
    Topic(event=CaseChanged, producer="catalog", consumers=("scheduler", "executor")),
)

_BY_NAME = {topic.name: topic for topic in TOPICS}
_BY_EVENT = {topic.event: topic for topic in TOPICS}


def topic_named(name: str) -> Topic:
    """The topic of this unprefixed name. Raises: KeyError."""
    return _BY_NAME[name]


def topic_of(event: type[Event]) -> Topic:
    """The topic that carries events of this class. Raises: KeyError."""
    return _BY_EVENT[event]
