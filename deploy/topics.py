"""Topics and their rights as Strimzi's resources, generated from `contracts/topics.py`: who states, who listens.

`python -m deploy.topics` writes the files, `--check` only tells whether they are current.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, get_args

import yaml

from contracts.topics import TOPICS, ServiceName, Topic
from kit.topics import topic_configs

FOLDER = Path(__file__).resolve().parent / "kustomize" / "components" / "strimzi"
HEAD = "# Generated from contracts/topics.py: python -m deploy.topics\n"
CLUSTER = {"strimzi.io/cluster": "kafka"}


def main() -> None:
    """Write, or with `--check` exit with code 1 when a file differs."""
    parser = argparse.ArgumentParser(prog="python -m deploy.topics", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when a file is out of date")
    if parser.parse_args().check:
        if found := stale():
            sys.exit("out of date: " + ", ".join(path.name for path in found) + "; run python -m deploy.topics")
        return
    for path, text in files().items():
        path.write_text(text)


def stale() -> list[Path]:
    """The files that are not what would be generated now."""
    return [path for path, text in files().items() if not path.exists() or path.read_text() != text]


def files() -> dict[Path, str]:
    """The generated files: the topics, and a user with its rights per service and for the migration."""
    services = get_args(ServiceName)
    return {
        FOLDER / "topics.yaml": HEAD + yaml.safe_dump_all(map(kafka_topic, TOPICS), sort_keys=False),
        FOLDER / "users.yaml": HEAD
        + yaml.safe_dump_all([*map(service_user, services), migrate_user()], sort_keys=False),
    }


def kafka_topic(topic: Topic) -> dict[str, Any]:
    """A topic."""
    config = {name: int(value) if value.isdigit() else value for name, value in topic_configs(topic).items()}
    spec = {"partitions": topic.partitions, "replicas": topic.replication, "config": config}
    return _resource("KafkaTopic", topic.name, spec)


def service_user(service: ServiceName) -> dict[str, Any]:
    """A service's user: writes what it states, reads what it listens to, in its own group."""
    acls = [_acl("topic", topic.name, "Write", "Describe") for topic in TOPICS if topic.producer == service]
    acls += [_acl("topic", topic.name, "Read", "Describe") for topic in TOPICS if service in topic.consumers]
    acls.append(_acl("group", f"rounds.{service}", "Read", "Describe"))
    return _user(f"rounds-{service}", acls)


def migrate_user() -> dict[str, Any]:
    """The migration's user: it looks whether the topics are as they must be, and makes those that are missing."""
    return _user("rounds-migrate", [_acl("topic", topic.name, "Create", "Describe") for topic in TOPICS])


def _user(name: str, acls: list[dict[str, Any]]) -> dict[str, Any]:
    spec = {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": acls}}
    return _resource("KafkaUser", name, spec)


def _acl(kind: str, name: str, *operations: str) -> dict[str, Any]:
    return {"resource": {"type": kind, "name": name, "patternType": "literal"}, "operations": list(operations)}


def _resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "labels": dict(CLUSTER)}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


if __name__ == "__main__":
    main()
