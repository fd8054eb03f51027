"""The table of topics: names, parties and what the broker is asked for."""

from datetime import timedelta
from typing import get_args

import pytest

from contracts.base import Event, StateEvent
from contracts.topics import TOPICS, ServiceName, topic_named, topic_of

SERVICES = set(get_args(ServiceName))


def test_every_event_class_has_exactly_one_topic() -> None:
    classes = {event for parent in (Event, StateEvent) for event in parent.__subclasses__() if event is not StateEvent}
    ours = {event for event in classes if event.__module__.startswith("contracts.")}
    assert {topic.event for topic in TOPICS} == ours
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_every_topic_is_found_by_its_name_and_by_its_class() -> None:
    for topic in TOPICS:
        assert topic_named(topic.name) is topic
        assert topic_of(topic.event) is topic
    with pytest.raises(KeyError):
        topic_named("task.overdue")


def test_producers_and_consumers_are_services_and_nobody_listens_to_itself() -> None:
    for topic in TOPICS:
        assert topic.producer in SERVICES
        assert set(topic.consumers) <= SERVICES - {topic.producer}
        assert topic.event.__module__ == f"contracts.{topic.producer}"


def test_states_are_kept_for_ever_and_facts_a_week() -> None:
    for topic in TOPICS:
        assert topic.compacted == issubclass(topic.event, StateEvent) == topic.name.endswith(".changed")
        assert topic.retention == (None if topic.compacted else timedelta(days=7))
        assert topic.public != topic.compacted
        assert topic.partitions == 12


def test_the_key_field_is_a_field_of_the_event() -> None:
    for topic in TOPICS:
        assert topic.event.key_field in topic.event.model_fields
