"""The generated rights, on a broker that asks for log-in by SCRAM: enough for Rounds, and no more."""

import asyncio
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from aiokafka.protocol.admin import CreateAclsRequest

from contracts.topics import TOPICS
from deploy import topics
from deploy.kafka.broker import PROPERTIES, Broker, java
from kit import relay
from kit.settings import settings
from kit.topics import cluster, ensure_topics
from tests.support.kafka import started
from tests.support.wait import until

PASSWORD = "of-every-user"
USERS = [topics.service_user("scheduler"), topics.migrate_user()]
NUMBERS = {"topic": 2, "group": 3, "Read": 3, "Write": 4, "Create": 5, "Describe": 8}
LITERAL = ALLOW = 3
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"
SECURED = f"""
inter.broker.listener.name=SASL_PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={SCRAM} username="admin" password="{PASSWORD}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
"""


@pytest.fixture
async def guarded_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A broker that knows the users and their rights, and the superuser `admin`."""
    properties = tmp_path / "format.properties"
    log_dir = tmp_path / "kafka" / "log"
    properties.write_text(PROPERTIES.format(port=1, advertised_port=1, controller_port=2, log_dir=log_dir))
    names = ["admin", *(user["metadata"]["name"] for user in USERS)]
    scram = [part for n in names for part in ("--add-scram", f"SCRAM-SHA-512=[name={n},password={PASSWORD}]")]
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    tool = [*java(quick=True), "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
    await asyncio.to_thread(subprocess.run, [*tool, *scram], check=True, stdout=subprocess.DEVNULL)
    broker = Broker(tmp_path / "kafka")
    own = broker.data_dir / "server.properties"
    own.write_text(own.read_text().replace("PLAINTEXT://127", "SASL_PLAINTEXT://127", 2) + SECURED)
    own.write_text(own.read_text().replace("protocol.map=", "protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,"))
    monkeypatch.setenv("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap)
    monkeypatch.setenv("ROUNDS_KAFKA_PASSWORD", PASSWORD)
    try:
        await started(broker)
        log_in_as(monkeypatch, "admin")
        await grant()
        yield
    finally:
        broker.kill()


def log_in_as(monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    monkeypatch.setenv("ROUNDS_KAFKA_USERNAME", user)
    settings.cache_clear()


async def grant() -> None:
    """Do what Strimzi's user operator does with the generated users."""
    admin = AIOKafkaAdminClient(**cluster())
    await admin.start()
    try:
        for user in USERS:
            for acl in user["spec"]["authorization"]["acls"]:
                kind, name = NUMBERS[acl["resource"]["type"]], acl["resource"]["name"]
                for operation in map(NUMBERS.__getitem__, acl["operations"]):
                    principal = f"User:{user['metadata']['name']}"
                    request = CreateAclsRequest(kind, name, LITERAL, principal, "*", operation, ALLOW)
                    answer = await admin._send_request(request)
                    assert [creation[0] for creation in answer.creation_responses] == [0]
    finally:
        await admin.close()


@pytest.mark.usefixtures("guarded_cluster")
async def test_a_service_can_do_its_work_with_its_rights_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    log_in_as(monkeypatch, "rounds-scheduler")
    with pytest.raises(RuntimeError, match="cannot be made: TopicAuthorizationFailed"):
        await ensure_topics()

    log_in_as(monkeypatch, "rounds-migrate")
    assert len(await ensure_topics()) == len(TOPICS)

    async def are_there() -> bool:
        return await ensure_topics() == []

    await until(are_there, 30)

    log_in_as(monkeypatch, "rounds-scheduler")
    async with relay._producer() as producer:
        await producer.send_and_wait("task.due", b"{}", b"1")
    heard = [topic.name for topic in TOPICS if "scheduler" in topic.consumers]
    async with AIOKafkaConsumer(*heard, **cluster(), group_id="rounds.scheduler") as consumer:
        assert {partition.topic for partition in consumer.assignment()} == set(heard)
    async with AIOKafkaProducer(**cluster()) as producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait("run.completed", b"{}", b"1")
    stranger = AIOKafkaConsumer(*heard, **cluster(), group_id="rounds.executor")
    try:
        with pytest.raises(GroupAuthorizationFailedError):
            await stranger.start()
    finally:
        await stranger.stop()
