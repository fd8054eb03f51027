"""One of two schedulers is killed again and again while tasks fall due: each runs once, and each has its outcome.

`ROUNDS_TEST_KILLS=1000 pytest tests/scheduler/test_kills.py --log-cli-level=INFO` is the long proof.
"""

import logging
import os
import random
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from uuid_utils.compat import uuid7

from deploy.kafka.broker import free_port
from kit.settings import settings
from kit.topics import ensure_topics, topic_name
from services.executor.main import service as executor
from services.scheduler.main import service
from services.scheduler.models import Task
from tests.scheduler.conftest import ENVIRONMENT, PROJECT, case, environment_of, project
from tests.scheduler.replica import Replica
from tests.support.events import enveloped
from tests.support.postgres import Postgres
from tests.support.processes import running
from tests.support.wait import elapsed, until

log = logging.getLogger(__name__)

KILLS = int(os.environ.get("ROUNDS_TEST_KILLS", "4"))
A_SECOND = 20
STORED_AT_ONCE = timedelta(seconds=4)
CASE = 22
DOCUMENT = {
    "apiVersion": "rounds/v1", "kind": "Case", "name": "nothing", "steps": [{"type": "wait", "duration_ms": 0}],
}  # fmt: skip
PATIENCE = 120
"""Seconds in which one more task has to end."""
LEFT = """
    SELECT task.id, task.status, task.next_due_at, firing.state, firing.fired_at, firing.heard_at, run.status,
        outbox.published_at
    FROM scheduler.task LEFT JOIN scheduler.firing ON firing.task_id = task.id
    LEFT JOIN executor.run ON run.run_id = firing.run_id
    LEFT JOIN scheduler.outbox ON outbox.key = task.id::text AND topic = 'task.due'
    WHERE task.status IN ('pending', 'running') ORDER BY task.id LIMIT 10"""

pytestmark = pytest.mark.timeout(300 + KILLS * 15)


@pytest.fixture
async def sql(
    databases: str, postgres: Postgres, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """A superuser's connection; the services' settings name the stores, and a silent run is asked about soon."""
    monkeypatch.setenv("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("ROUNDS_KAFKA_PREFIX", f"kills-{uuid7().hex[-8:]}-")
    monkeypatch.setenv("ROUNDS_SCHEDULER_SILENT_SECONDS", "5")
    settings.cache_clear()
    await ensure_topics()
    connection = await asyncpg.connect(postgres.url(databases))
    yield connection
    await connection.close()


@pytest.fixture
async def replicas(tmp_path: Path) -> AsyncIterator[list[Replica]]:
    """Two schedulers, not started; at the end they are dead."""
    made = [Replica(tmp_path / f"replica{number}.log") for number in range(2)]
    yield made
    for replica in made:
        await replica.kill()


async def store_tasks(first: datetime, seconds: float) -> None:
    """Store tasks, twenty due in each second from `first` on; half of them have a grace period."""
    count = int(seconds * A_SECOND)
    values: dict[str, Any] = {
        "task_name": "t", "name_generated": False, "case_ids": [CASE], "targets": [], "owner_ids": [1], "parallel": 0,
        "max_parallel": 1, "environments": {str(PROJECT): ENVIRONMENT}, "failed_stop": True, "only_failed_log": False,
        "notify": "always", "overlap": "skip", "max_retries": 0, "retry_delay_seconds": 0, "created_at": first,
        "updated_at": first, "created_by": 1, "updated_by": 1,
    }  # fmt: skip
    dues = [first + timedelta(seconds=seconds * number / count) for number in range(count)]
    async with service.database.transaction() as session:
        session.add_all(
            Task(**values, scheduled_at=due, next_due_at=due, misfire_grace_seconds=(None, 86_400)[number % 2])
            for number, due in enumerate(dues)
        )


async def test_kills_of_one_of_two_schedulers_lose_no_run_and_double_none(
    sql: "asyncpg.Connection[Any]", replicas: list[Replica], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("ROUNDS_EXECUTOR_URL", f"http://127.0.0.1:{port}")
    rounds = str(Path(sys.executable).with_name("rounds"))
    executor.database.open()
    service.database.open()
    for event in (project(PROJECT, "p"), environment_of(ENVIRONMENT, PROJECT), case(CASE, document=DOCUMENT)):
        await executor.consumer.deliver(enveloped(event))
    command = [rounds, "serve", "executor", "--port", str(port)]
    async with running(command, tmp_path / "executor.log", url=f"http://127.0.0.1:{port}/readyz"):
        for replica in replicas:
            replica.start()
        for replica in replicas:
            await replica.ready()
        stored_to = await sql.fetchval("SELECT now()")

        async def fired(least: int) -> bool:
            return bool(await sql.fetchval("SELECT coalesce(max(id), 0) >= $1 FROM scheduler.outbox", least))

        for _ in range(KILLS):
            now = await sql.fetchval("SELECT now()")
            if now + STORED_AT_ONCE / 2 > stored_to:
                stored_to = max(stored_to, now)
                await store_tasks(stored_to, STORED_AT_ONCE.total_seconds())
                stored_to += STORED_AT_ONCE
            seen = await sql.fetchval("SELECT coalesce(max(id), 0) FROM scheduler.outbox")
            await until(partial(fired, seen + random.randint(1, 10)), 60, every=0.005)
            await elapsed(random.uniform(0, 0.05))  # any moment of a pass, or between two
            replica = random.choice(replicas)
            assert await replica.kill() == -9
            replica.start()
            await replica.ready()

        await all_ended(sql)

    tasks = await sql.fetchval("SELECT count(*) FROM scheduler.task WHERE status = 'completed'")
    assert tasks == await sql.fetchval("SELECT count(*) FROM scheduler.task WHERE execution_count = 1") > KILLS
    ledger = await sql.fetch("SELECT task_id, run_id, state, fired_at - due_at AS lag FROM scheduler.firing")
    assert len(ledger) == len({row["task_id"] for row in ledger}) == tasks
    assert {row["state"] for row in ledger} == {"passed"}
    runs = await sql.fetch("SELECT run_id, status FROM executor.run")
    assert len(runs) == tasks
    assert {row["run_id"] for row in runs} == {row["run_id"] for row in ledger}
    sent = await count_messages(topic_name("task.due"))
    lags = sorted(row["lag"].total_seconds() for row in ledger)
    log.info(
        "%d kills, %d occurrences, %d runs, %d events sent again, lag p50 %.0f ms, p99 %.1f s, longest %.1f s",
        KILLS, tasks, len(runs), sent - tasks, lags[tasks // 2] * 1000, lags[tasks * 99 // 100], lags[-1],
    )  # fmt: skip
    await executor.database.close()
    await service.database.close()


async def all_ended(sql: "asyncpg.Connection[Any]") -> None:
    """Wait until every task has ended, as long as fewer and fewer are left: a busy machine may be far behind."""

    async def left() -> int:
        query = "SELECT count(*) FROM scheduler.task WHERE status IN ('pending', 'running')"
        return int(await sql.fetchval(query))

    async def fewer_than(before: int) -> bool:
        return await left() < before

    while count := await left():
        try:
            await until(partial(fewer_than, count), PATIENCE, every=0.2)
        except AssertionError:
            log.error("left: %s", [tuple(row) for row in await sql.fetch(LEFT)])  # noqa: TRY400 (no traceback)
            raise


async def count_messages(topic: str) -> int:
    """How many messages a topic has."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=settings().kafka_bootstrap_servers)
    await consumer.start()
    ends = await consumer.end_offsets(consumer.assignment())
    await consumer.stop()
    return sum(ends.values())
