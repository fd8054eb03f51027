"""The topics on the cluster: how it is reached, what they are named there, and making those that are missing."""

import asyncio
import ssl
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from contracts.topics import TOPICS, Topic
from kit.consume import backoff
from kit.settings import settings

MAX_PAUSE_SECONDS = 1.0
NO_PARTITION = {"leader": -1}
"""What a topic has that the broker which answers has not heard of yet."""


def topic_name(topic: str) -> str:
    """A topic's name on the cluster."""
    return settings().kafka_prefix + topic


def cluster() -> dict[str, Any]:
    """How the cluster is reached, as aiokafka's clients take it."""
    given = settings()
    tls = given.kafka_ca_file is not None
    options: dict[str, Any] = {"bootstrap_servers": given.kafka_bootstrap_servers}
    if tls:
        options |= {"security_protocol": "SSL", "ssl_context": ssl.create_default_context(cafile=given.kafka_ca_file)}
    if given.kafka_username is not None and given.kafka_password is not None:
        options |= {
            "security_protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": given.kafka_username,
            "sasl_plain_password": given.kafka_password.get_secret_value(),
        }
    return options


def topic_configs(topic: Topic) -> dict[str, str]:
    """What the broker is told about a topic."""
    if topic.retention is None:
        return {"cleanup.policy": "compact"}
    return {"cleanup.policy": "delete", "retention.ms": str(int(topic.retention.total_seconds() * 1000))}


async def ensure_topics() -> list[str]:
    """Create the topics that are missing; answers their names, once each of their partitions has a leader.

    Raises: RuntimeError when the cluster refuses one, or one exists with another number of partitions: more would
    break the order of keys.
    """
    admin = AIOKafkaAdminClient(**cluster())
    try:
        await admin.start()
        known = {found["topic"]: len(found["partitions"]) for found in await admin.describe_topics()}
        missing = [topic for topic in TOPICS if topic_name(topic.name) not in known]
        for topic in TOPICS:
            if known.get(topic_name(topic.name), topic.partitions) != topic.partitions:
                message = f"topic {topic_name(topic.name)} must have {topic.partitions} partitions"
                raise RuntimeError(message)
        brokers = len((await admin.describe_cluster())["brokers"])
        for topic in missing:
            new = NewTopic(
                topic_name(topic.name),
                topic.partitions,
                min(topic.replication, brokers),
                topic_configs=topic_configs(topic),
            )
            for _, code, *_ in (await admin.create_topics([new])).topic_errors:
                error = for_code(code)
                if error not in {NoError, TopicAlreadyExistsError}:
                    message = f"topic {new.name} cannot be made: {error.__name__}"
                    raise RuntimeError(message)
        made = [topic_name(topic.name) for topic in missing]
        for pause in backoff(MAX_PAUSE_SECONDS):
            described = await admin.describe_topics(made) if made else []
            if all(part["leader"] >= 0 for found in described for part in found["partitions"] or [NO_PARTITION]):
                break
            await asyncio.sleep(pause)
        return made
    finally:
        await admin.close()
