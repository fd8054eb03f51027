"""`python -m contracts.generate [--check]`: write the JSON Schemas and docs/asyncapi.yaml from the event classes."""

import argparse
import inspect
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from contracts.base import Event
from contracts.topics import TOPICS, Topic

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "contracts" / "schemas"
EXAMPLES = ROOT / "contracts" / "examples"
EVENT_SCHEMAS = "*.*.v*.json"
"""Which files in SCHEMAS describe events: topics are `<noun>.<verb>`."""

HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "content-type"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "UUIDv7, the same at every delivery."},
        "ce_type": {"type": "string", "description": "`rounds.<topic>.v<version>`."},
        "ce_source": {"type": "string", "format": "uri-reference", "description": "`/rounds/<service>`."},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it was stated, RFC 3339 in UTC."},
        "ce_subject": {"type": "string", "description": "The id that the event is about: its key."},
        "content-type": {"type": "string", "const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context of what led to the event."},
    },
}


def schema_file(event: type[Event]) -> Path:
    """Where the JSON Schema of an event class is kept."""
    return SCHEMAS / f"{event.topic}.v{event.version}.json"


def schema(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event's value."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **event.model_json_schema()}


def examples(topic: Topic) -> dict[str, Any]:
    """The hand-written examples of a topic, by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((EXAMPLES / topic.name).glob("*.json"))}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document over all topics."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Rounds events",
            "version": "1",
            "description": "CloudEvents 1.0 in Kafka's binary mode: identity in the headers, facts in the JSON value. "
            "Events of one key keep their order; order across topics is nobody's promise, and an event may come "
            "twice with the same ce_id. Topics tagged public may be built on, internal ones are for Rounds alone.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {f"send.{topic.name}": _operation(topic) for topic in TOPICS},
        "components": {
            "messages": {topic.event.__name__: _message(topic) for topic in TOPICS},
            "schemas": {"CloudEventHeaders": HEADERS, **_schemas()},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    config: dict[str, Any] = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    if topic.retention is not None:
        config["retention.ms"] = int(topic.retention.total_seconds() * 1000)
    name = topic.event.__name__
    return {
        "address": topic.name,
        "description": f"Stated by {topic.producer}; consumed by {', '.join(topic.consumers) or 'nobody in Rounds'}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "tags": [{"name": "public" if topic.public else "internal"}],
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "replicas": topic.replication,
                "topicConfiguration": config,
                "bindingVersion": "0.5.0",
            },
        },
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{topic.event.__name__}"}],
        "tags": [{"name": topic.producer}],
    }


def _message(topic: Topic) -> dict[str, Any]:
    event = topic.event
    fixed = {"ce_type": {"const": event.event_type()}, "ce_source": {"const": f"/rounds/{topic.producer}"}}
    key = f"The text of `{event.key_field}`: {event.model_fields[event.key_field].description}"
    return {
        "name": event.event_type(),
        "title": event.__name__,
        "summary": inspect.getdoc(event),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "allOf": [{"$ref": "#/components/schemas/CloudEventHeaders"}],
            "properties": fixed,
        },
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}},
        "examples": [{"name": name, "payload": payload} for name, payload in examples(topic).items()],
    }


def _schemas() -> dict[str, Any]:
    """The schemas of all events and of what they are made of, so that the document needs no other file."""
    found: dict[str, Any] = {}
    for topic in TOPICS:
        whole = topic.event.model_json_schema(ref_template="#/components/schemas/{model}")
        parts = whole.pop("$defs", {})
        for name, part in {**parts, topic.event.__name__: whole}.items():
            if found.setdefault(name, part) != part:
                message = f"two different schemas are called {name}"
                raise ValueError(message)
    return found


def generated() -> dict[Path, str]:
    """Every generated file with the text that it must have."""
    files = {
        schema_file(topic.event): json.dumps(schema(topic.event), indent=2, ensure_ascii=False) + "\n"
        for topic in TOPICS
    }
    text = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=120)
    return files | {ROOT / "docs" / "asyncapi.yaml": "# Generated by `python -m contracts.generate`.\n" + text}


def differences() -> list[Path]:
    """The committed files that are not what would be generated: changed, missing, or of no topic any more."""
    files = generated()
    wrong = [path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
    return wrong + [path for path in SCHEMAS.glob(EVENT_SCHEMAS) if path not in files]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or with `--check` name those that differ; the exit status is 1 where any does."""
    parser = argparse.ArgumentParser(prog="python -m contracts.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a committed file differs")
    wrong = differences()
    if parser.parse_args(arguments).check:
        sys.stdout.writelines(f"{path.relative_to(ROOT)} is not what would be generated\n" for path in wrong)
        return 1 if wrong else 0
    for path, text in generated().items():
        path.write_text(text, "utf-8")
    for path in wrong:
        if path not in generated():
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
