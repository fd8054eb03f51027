"""The hand-written examples, the classes and the schemas agree."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts.generate import EXAMPLES, schema, schema_file
from contracts.topics import TOPICS, Topic, topic_named

FILES = sorted(EXAMPLES.glob("*/*.json"))
STATES = [path for path in FILES if topic_named(path.parent.name).compacted]


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_an_example_is_valid_against_the_committed_schema(path: Path) -> None:
    committed = json.loads(schema_file(topic_named(path.parent.name).event).read_text("utf-8"))
    Draft202012Validator(committed, format_checker=FormatChecker()).validate(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_an_example_comes_back_from_its_class_unchanged(path: Path) -> None:
    event = topic_named(path.parent.name).event.model_validate_json(path.read_bytes())
    assert json.loads(event.model_dump_json()) == json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_an_example_spells_out_every_field(path: Path) -> None:
    assert json.loads(path.read_text("utf-8")).keys() == topic_named(path.parent.name).event.model_fields.keys()


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_has_at_least_two_examples(topic: Topic) -> None:
    assert sum(topic_named(path.parent.name) is topic for path in FILES) >= 2


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic.compacted], ids=lambda topic: topic.name)
def test_a_state_has_an_example_of_presence_and_one_of_deletion(topic: Topic) -> None:
    said = {json.loads(path.read_text("utf-8"))["deleted"] for path in STATES if topic_named(path.parent.name) is topic}
    assert said == {True, False}


@pytest.mark.parametrize("path", STATES, ids=name)
def test_a_deleted_object_carries_only_its_id_names_and_revision(path: Path) -> None:
    state = json.loads(path.read_text("utf-8"))
    names = {"username", "real_name"} if path.parent.name == "user.changed" else {"name"}
    left = {field for field, value in state.items() if value is not None}
    assert left == {"id", "revision", "deleted", *names} if state["deleted"] else left > {"id", "revision", *names}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_field_says_what_it_means(topic: Topic) -> None:
    whole = schema(topic.event)
    for part in [whole, *whole.get("$defs", {}).values()]:
        silent = [field for field, value in part.get("properties", {}).items() if not value.get("description")]
        assert silent == [], part["title"]
