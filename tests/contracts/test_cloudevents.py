"""Envelopes survive the trip through Kafka's headers; messages that are no CloudEvents are refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.cloudevents import Envelope
from contracts.executor import RunStarted
from contracts.generate import EXAMPLES, HEADERS
from contracts.scheduler import TaskDue
from contracts.topics import TOPICS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLENNIUM = timedelta(days=365_242)

texts = st.text(st.characters(codec="utf-8"), min_size=1)
zones = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-23 * 60, 23 * 60))
envelopes = st.builds(
    Envelope,
    id=st.uuids(),
    type=st.sampled_from([topic.event.event_type() for topic in TOPICS]),
    topic=st.sampled_from([topic.name for topic in TOPICS]),
    key=texts,
    source=texts,
    subject=texts,
    time=st.builds(lambda after, zone: EPOCH.astimezone(zone) + after, st.timedeltas(timedelta(0), MILLENNIUM), zones),
    traceparent=st.none() | texts,
    value=st.binary(),
)


def due(**changes: str | None) -> Envelope:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "0198e0c2-9b2f-7c31-a5d4-3f6f0e9c1b77",
        "ce_type": "rounds.task.due.v1",
        "ce_source": "/rounds/scheduler",
        "ce_time": "2025-08-26T07:00:00.002741Z",
        "ce_subject": "1",
        "content-type": "application/json",
    } | changes
    kept = {name: value for name, value in headers.items() if value is not None}
    return Envelope.from_headers(kept, topic="task.due", key="1", value=(EXAMPLES / "task.due/due.json").read_bytes())


@given(envelopes)
def test_an_envelope_comes_back_from_its_headers_unchanged(envelope: Envelope) -> None:
    headers = envelope.headers()
    assert Envelope.from_headers(headers, topic=envelope.topic, key=envelope.key, value=envelope.value) == envelope
    assert headers["ce_time"].endswith("Z")


@given(envelopes)
def test_the_headers_are_those_that_the_published_contract_names(envelope: Envelope) -> None:
    absent = {"traceparent"} if envelope.traceparent is None else set()
    assert envelope.headers().keys() == HEADERS["properties"].keys() - absent


def test_the_payload_is_the_event_of_the_class_asked_for() -> None:
    assert due().payload(TaskDue).task_id == 1
    with pytest.raises(ValidationError):
        due().payload(RunStarted)


@pytest.mark.parametrize("name", HEADERS["required"])
def test_a_message_without_a_required_header_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"header '{name}' is missing"):
        due(**{name: None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", "0.3"),
        ("ce_id", "not a uuid"),
        ("ce_time", "yesterday"),
        ("ce_time", "2025-08-26T07:00:00"),
        ("content-type", "application/avro"),
    ],
)
def test_a_message_with_a_malformed_header_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        due(**{name: value})


def test_a_content_type_with_a_charset_is_taken() -> None:
    assert due(**{"content-type": "application/json; charset=UTF-8"}) == due()
