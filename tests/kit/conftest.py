"""Toy services on the real kit: `catalog` states facts, `executor` and `notifier` listen."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from contracts.catalog import ModuleChanged
from contracts.executor import RunStarted
from kit import kafka as carrier
from kit import relay
from kit.consume import Consumer
from kit.db import Database
from kit.dispatch import dispatch
from kit.migrate import create_roles_and_schemas
from kit.settings import SERVICES, settings
from kit.tables import PLATFORM_DDL_1
from kit.topics import ensure_topics
from tests.support.postgres import Postgres
from tests.support.wait import until

TOY_TABLES = """
CREATE TABLE thing (id integer PRIMARY KEY, revision integer NOT NULL);
CREATE TABLE seen (id bigserial PRIMARY KEY, key text NOT NULL, number integer NOT NULL);
"""


def module_changed(thing: int, revision: int) -> ModuleChanged:
    return ModuleChanged(id=thing, name="m", project_id=1, parent_id=None, position=0, revision=revision, deleted=False)


def run_started(number: int = 1) -> RunStarted:
    return RunStarted(
        run_id=uuid7(), task_id=number, trigger="api", attempt=1, cases_total=1, started_at=datetime.now(UTC)
    )


@dataclass
class Toy:
    """A toy service: what its handlers saw is in the table `seen`."""

    database: Database
    consumer: Consumer
    fail_with: dict[int, Exception] = field(default_factory=dict)
    """Errors to raise on numbers seen; a number is the task_id of a RunStarted."""
    tries: list[int] = field(default_factory=list)

    async def seen(self) -> list[int]:
        async with self.database.transaction() as session:
            return list((await session.execute(text("SELECT number FROM seen ORDER BY id"))).scalars())

    async def saw(self, numbers: list[int], timeout: float = 30) -> None:  # noqa: ASYNC109 (handed to `until`)
        """Wait until so many were seen, then compare: in order, where they have one key."""

        async def enough() -> bool:
            return len(await self.seen()) >= len(numbers)

        await until(enough, timeout)
        assert await self.seen() == numbers

    async def saw_all(self, numbers: Iterable[int], timeout: float = 30) -> None:  # noqa: ASYNC109 (as above)
        """Wait until each was seen, in any order, and check that none was seen twice."""
        wanted = sorted(numbers)

        async def enough() -> bool:
            return len(await self.seen()) >= len(wanted)

        await until(enough, timeout)
        assert sorted(await self.seen()) == wanted

    async def dead_letters(self) -> list[Any]:
        async with self.database.transaction() as session:
            return list((await session.execute(text("SELECT * FROM dead_letter ORDER BY id"))).mappings())


def toy(name: str) -> Toy:
    database = Database(name)
    made = Toy(database, Consumer(database, retry_delays=(0.01, 0.01, 0.01, 0.01)))

    @made.consumer.on(RunStarted)
    async def on_run_started(event: RunStarted, session: AsyncSession) -> None:
        number = event.task_id or 0
        made.tries.append(number)
        await session.execute(
            text("INSERT INTO seen (key, number) VALUES (:key, :number)"), {"key": event.key, "number": number}
        )
        if number in made.fail_with:
            raise made.fail_with[number]

    @made.consumer.on(ModuleChanged)
    async def on_module_changed(event: ModuleChanged, session: AsyncSession) -> None:
        await session.execute(
            text("INSERT INTO seen (key, number) VALUES (:key, :number)"),
            {"key": event.key, "number": event.revision},
        )

    return made


@dataclass
class Toys:
    catalog: Toy
    executor: Toy
    notifier: Toy

    @asynccontextmanager
    async def carried_by(self, mode: str) -> AsyncIterator[asyncio.Event]:
        """Carry events from `catalog` to the other two, embedded or by Kafka, for the length of a block."""
        stopping = asyncio.Event()
        listeners = (self.executor.consumer, self.notifier.consumer)
        endless = [asyncio.create_task(self.catalog.database.wakeups.run())]
        if mode == "embedded":
            self.catalog.database.subscribers = lambda _topic: ("executor", "notifier")
            graceful = [asyncio.create_task(dispatch(self.catalog.database, each, stopping)) for each in listeners]
        else:
            self.catalog.database.subscribers = lambda _topic: ("*",)
            endless.append(asyncio.create_task(relay.relay(self.catalog.database)))
            graceful = [asyncio.create_task(carrier.consume(each, stopping)) for each in listeners]
        try:
            yield stopping
        finally:
            stopping.set()
            await asyncio.wait(graceful, timeout=15)
            for task in [*endless, *graceful]:
                task.cancel()
            await asyncio.gather(*endless, *graceful, return_exceptions=True)


@pytest.fixture
async def toy_url(postgres: Postgres, worker_id: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A database with the platform's tables in each schema."""
    name = f"kit_{worker_id}"
    await postgres.drop_database(name)
    await postgres.execute(f'CREATE DATABASE "{name}"')
    monkeypatch.setenv("ROUNDS_DATABASE_URL", f"postgresql://{{service}}@127.0.0.1:{postgres.port}/{name}")
    settings.cache_clear()
    await create_roles_and_schemas(postgres.url(name))
    for service in SERVICES:
        connection = await Database(service).connect()
        await connection.execute(PLATFORM_DDL_1 + TOY_TABLES)
        await connection.close()
    yield name
    await postgres.drop_database(name)


@pytest.fixture
async def toys(toy_url: str) -> AsyncIterator[Toys]:
    """The three toy services, their pools open."""
    made = Toys(toy("catalog"), toy("executor"), toy("notifier"))
    databases = [made.catalog.database, made.executor.database, made.notifier.database]
    for database in databases:
        database.open()
    yield made
    for database in databases:
        await database.close()


@pytest.fixture
async def topics(kafka: str, worker_id: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Fresh topics on the session's broker; answers their prefix."""
    prefix = f"{worker_id}-{uuid7().hex[-8:]}-"
    monkeypatch.setenv("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("ROUNDS_KAFKA_PREFIX", prefix)
    settings.cache_clear()
    await ensure_topics()
    return prefix


@pytest.fixture(params=["embedded", "kafka"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways to carry events."""
    if request.param == "kafka":
        request.getfixturevalue("topics")
    return str(request.param)
