"""Rule 7: a database or broker that is away costs nothing but the time that it is away.

ROUNDS_TEST_OUTAGE_SECONDS says how long that is (10; an event that fails by itself is a dead letter after 0.04 s here).
"""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from kit.db import Database
from kit.migrate import create_roles_and_schemas
from kit.outbox import publish
from kit.settings import SERVICES, settings
from kit.tables import PLATFORM_DDL_1
from kit.topics import ensure_topics
from tests.kit.conftest import TOY_TABLES, Toys, run_started, toy
from tests.support.kafka import own_kafka
from tests.support.postgres import Postgres, own_postgres
from tests.support.proxy import proxy_to
from tests.support.wait import elapsed, until

OUTAGE_SECONDS = float(os.environ.get("ROUNDS_TEST_OUTAGE_SECONDS", "10"))
pytestmark = pytest.mark.timeout(240)


async def make_schemas(server: Postgres, name: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await server.execute(f'CREATE DATABASE "{name}"')
    monkeypatch.setenv("ROUNDS_DATABASE_URL", f"postgresql://{{service}}@127.0.0.1:{port}/{name}")
    settings.cache_clear()
    await create_roles_and_schemas(server.url(name))
    for service in SERVICES:
        connection = await Database(service).connect()
        await connection.execute(PLATFORM_DDL_1 + TOY_TABLES)
        await connection.close()


@pytest.mark.parametrize("manner", ["refuse", "hang"])
async def test_an_unreachable_database_makes_no_dead_letter_and_loses_nothing(
    manner: str, tmp_path: Path, topics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The consumers' database goes; what is stated meanwhile is handled afterwards, once each."""
    async with own_postgres(tmp_path) as server, proxy_to(server.port) as proxy:
        await make_schemas(server, "direct", server.port, monkeypatch)
        monkeypatch.setenv("ROUNDS_EXECUTOR_DATABASE_URL", f"postgresql://executor@127.0.0.1:{proxy.port}/direct")
        toys = Toys(toy("catalog"), toy("executor"), toy("notifier"))
        databases = [toys.catalog.database, toys.executor.database, toys.notifier.database]
        for database in databases:
            database.open()
        async with toys.carried_by("kafka"):
            await state(toys, 1)
            await toys.executor.saw([1], timeout=60)

            await (proxy.refuse() if manner == "refuse" else no_wait(proxy.hang))
            await state(toys, *range(2, 12))
            await toys.notifier.saw_all(range(1, 12))
            await elapsed(OUTAGE_SECONDS)
            await proxy.restore()

            await toys.executor.saw_all(range(1, 12), timeout=90)
        assert await toys.executor.dead_letters() == []
        for database in databases:
            await database.close()


async def no_wait(act: object) -> None:
    assert callable(act)
    act()


async def state(toys: Toys, *numbers: int) -> None:
    async with toys.catalog.database.transaction() as session:
        await publish(session, *(run_started(number) for number in numbers))


async def test_an_unreachable_broker_loses_nothing_and_refuses_no_writer(
    toys: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with own_kafka(tmp_path) as broker:
        monkeypatch.setenv("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap)
        settings.cache_clear()
        await ensure_topics()
        async with toys.carried_by("kafka"):
            await state(toys, 1)
            await toys.executor.saw([1], timeout=60)

            broker.kill()
            await state(toys, *range(2, 12))
            await elapsed(OUTAGE_SECONDS)
            broker.launch()
            await until(broker.ready, 60)
            await state(toys, 12)

            await toys.executor.saw_all(range(1, 13), timeout=90)
            await toys.notifier.saw_all(range(1, 13), timeout=90)
        assert await toys.executor.dead_letters() == await toys.notifier.dead_letters() == []
        async with toys.catalog.database.transaction() as session:
            left = await session.execute(text("SELECT count(*) FROM outbox WHERE published_at IS NULL"))
            assert left.scalar_one() == 0


async def test_a_transaction_waits_for_a_database_that_is_restarted_and_not_for_one_that_stays_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with own_postgres(tmp_path) as server:
        await make_schemas(server, "direct", server.port, monkeypatch)
        database = Database("executor")
        database.open()

        async def count() -> int:
            async with database.transaction() as session:
                return int((await session.execute(text("SELECT count(*) FROM outbox"))).scalar_one())

        assert await asyncio.gather(*(count() for _ in range(5))) == [0] * 5  # so the pool is full of connections
        await server.process.stop(signal.SIGINT, grace=30)
        asked = [asyncio.create_task(count()) for _ in range(20)]
        server.process.start()
        assert await asyncio.gather(*asked) == [0] * 20

        await server.process.stop(signal.SIGINT, grace=30)
        monkeypatch.setattr("kit.db.RESTART_SECONDS", 0.5)
        for patience in (0.5, 0):
            begun = time.monotonic()
            with pytest.raises(ConnectionRefusedError):
                await count()
            assert patience <= time.monotonic() - begun < patience + 5
        await database.close()
