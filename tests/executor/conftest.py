"""The executor alone: its schema in a real PostgreSQL, its API behind a socket, its loops, a target to run against."""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import orjson
import pytest
import uvicorn
from fastapi import FastAPI
from filelock import FileLock
from sqlalchemy import text
from uuid_utils.compat import uuid7

from contracts.auth import Credential, NotifySettings, UserChanged, UserSettings
from contracts.base import Event
from contracts.catalog import CaseChanged, EnvironmentChanged, ProjectChanged
from contracts.scheduler import DueCase, EnvironmentChoice, TaskDue
from kit import clock
from kit.crypto import encrypt
from kit.edge import Edge
from kit.http import add_error_handlers
from kit.loops import Supervisor, run_loop
from kit.migrate import create_roles_and_schemas, upgrade
from kit.settings import SERVICES, settings
from services.executor.main import service, worker
from services.executor.settings import executor_settings
from tests.support.events import enveloped
from tests.support.postgres import Postgres
from tests.support.target import Target
from tests.support.wait import until

database = service.database
PROJECT, ENVIRONMENT, MEMBER = 7, 3, 2
OVER = {"passed", "failed", "error", "cancelled"}


@pytest.fixture(scope="session")
def schema(postgres: Postgres, session_root: Path, worker_id: str) -> str:
    """The address of a database with the executor's schema at head."""
    name = f"executor_{worker_id}"
    url = postgres.url(name)

    async def make() -> None:
        await postgres.drop_database(name)
        await postgres.execute(f'CREATE DATABASE "{name}"')
        with pytest.MonkeyPatch.context() as patch:
            for each in SERVICES:
                patch.setenv(f"ROUNDS_{each.upper()}_DATABASE_URL", url.replace("postgres@", f"{each}@"))
            settings.cache_clear()
            with FileLock(session_root / "template.lock"):  # roles belong to the server, which all workers share
                await create_roles_and_schemas(url)
            await upgrade(database, service.migrations)
        settings.cache_clear()

    asyncio.run(make())
    return url.replace("postgres@", "executor@")


@dataclass
class Executor:
    """The service under test, with a project, an environment and a member of the project."""

    url: str
    target: Target
    supervisor: Supervisor = field(default_factory=Supervisor)
    clients: list[httpx.AsyncClient] = field(default_factory=list)
    member: httpx.AsyncClient = field(init=False)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(100))

    async def deliver(self, event: Event, id_: UUID | None = None) -> bool:
        """Hand an event over as a broker would; answers False for a duplicate."""
        return await service.consumer.deliver(enveloped(event, id_))

    async def user(self, id_: int, **changes: Any) -> httpx.AsyncClient:
        """Make a user known; answers a client that is logged in as that user."""
        token = f"rnd_{id_}"
        credential = Credential(
            kind="session",
            sha256=hashlib.sha256(token.encode()).hexdigest(),
            scopes=["read", "run", "write"],
            expires_at=datetime.now(UTC) + timedelta(days=365),
        )
        state: dict[str, Any] = {
            "username": f"user{id_}",
            "real_name": f"User {id_}",
            "email": "",
            "is_active": True,
            "is_superuser": False,
            "must_change_password": False,
            "project_ids": [],
            "settings": UserSettings(
                environments={},
                failed_stop=True,
                only_failed_log=False,
                language="zh",
                notify=NotifySettings(email=True),
            ),
            "credentials": [credential],
            "revision": 1,
            "deleted": False,
        }
        await self.deliver(UserChanged(id=id_, **{**state, **changes}))
        headers = {"Authorization": f"Token {token}", "Accept-Language": "en"}
        self.clients.append(httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30))
        return self.clients[-1]

    async def project(self, id_: int = PROJECT, environment_id: int | None = ENVIRONMENT, **changes: Any) -> None:
        """Make a project known."""
        state: dict[str, Any] = {
            "revision": 1,
            "deleted": False,
            "name": f"项目{id_}",
            "description": "",
            "variables": {},
            "egress_allow": [],
            "default_environment_id": environment_id,
        }
        await self.deliver(ProjectChanged(id=id_, **{**state, **changes}))

    async def environment(self, id_: int = ENVIRONMENT, project_id: int = PROJECT, **changes: Any) -> None:
        """Make an environment known, whose base URL is the target; `secrets` are given in the clear."""
        plain: dict[str, str] = changes.pop("secrets", {})
        secrets: dict[str, str] = {name: encrypt(name, id_, value) for name, value in plain.items()}
        state: dict[str, Any] = {
            "revision": 1,
            "deleted": False,
            "project_id": project_id,
            "name": "qa",
            "base_urls": {"default": self.target.url},
            "headers": {},
            "variables": {},
            "is_default": True,
            "verify_tls": True,
            "proxy": None,
        }
        await self.deliver(EnvironmentChanged(id=id_, secrets=secrets, **{**state, **changes}))

    async def case(self, *steps: dict[str, Any], id_: int | None = None, **document: Any) -> int:
        """Make a case known; answers its id. `project_id`, `revision` and `calls` go beside the document."""
        id_ = id_ or next(self.numbers)
        beside = {name: document.pop(name) for name in ("project_id", "revision", "calls") if name in document}
        document = {"apiVersion": "rounds/v1", "kind": "Case", "name": f"case {id_}", "steps": list(steps), **document}
        state: dict[str, Any] = {
            "revision": 1,
            "deleted": False,
            "project_id": PROJECT,
            "module_id": 1,
            "name": document["name"],
            "tags": [],
            "document": document,
            "calls": [],
            "step_count": len(steps),
        }
        await self.deliver(CaseChanged(id=id_, **(state | beside)))
        return id_

    async def due(self, *case_ids: int, id_: UUID | None = None, run_id: UUID | None = None, **changes: Any) -> UUID:
        """State that a task with these cases is due; answers the run's id."""
        run_id = run_id or uuid7()
        now = datetime.now(UTC)
        fields: dict[str, Any] = {
            "task_id": 1,
            "task_name": "nightly",
            "trigger": "schedule",
            "attempt": 1,
            "max_attempts": 1,
            "due_at": now,
            "fired_at": now,
            "cases": [DueCase(case_id=case_id, min_revision=1) for case_id in case_ids],
            "parallel": 0,
            "max_parallel": 20,
            "environments": [EnvironmentChoice(project_id=PROJECT, environment_id=ENVIRONMENT)],
            "failed_stop": True,
            "only_failed_log": False,
            "owner_ids": [MEMBER],
            "notify": "always",
            "previous_status": None,
            "requested_by": None,
        }
        await self.deliver(TaskDue(run_id=run_id, **{**fields, **changes}), id_)
        return run_id

    async def run(self, *case_ids: int, **changes: Any) -> dict[str, Any]:
        """Run cases as a due task would; answers the report once the run is over."""
        return await self.over(await self.due(*case_ids, **changes))

    async def over(self, run_id: UUID | str) -> dict[str, Any]:
        """Wait until a run is over; answers its report."""

        async def ended() -> dict[str, Any] | None:
            report = await self.report(run_id)
            return report if report["status"] in OVER else None

        return cast("dict[str, Any]", await until(ended, 30))

    async def report(self, run_id: UUID | str) -> dict[str, Any]:
        """The report of a run."""
        answer = await self.member.get(f"/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def case_report(self, run_id: UUID | str, case_id: int, **query: Any) -> dict[str, Any]:
        """The report of a case in a run."""
        answer = await self.member.get(f"/runs/{run_id}/cases/{case_id}", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def steps(self, *steps: dict[str, Any], **document: Any) -> list[dict[str, Any]]:
        """Run one case of these steps; answers the steps of its report."""
        case_id = await self.case(*steps, **document)
        report = await self.run(case_id)
        found: list[dict[str, Any]] = (await self.case_report(report["run_id"], case_id))["steps"]
        return found

    def start(self) -> None:
        """Start the loops."""
        for loop in service.loops:
            self.supervisor.start(loop.name, run_loop(loop, database, self.supervisor.stopping))

    async def move_clock(self, offset: timedelta) -> None:
        """Let the clock run ahead by this much, and wake whoever waits."""
        async with database.transaction() as session:
            await clock.move(session, offset)
        database.wakeups.ring("work")

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What is stored."""
        async with database.transaction() as session:
            return [dict(row) for row in (await session.execute(text(query), values)).mappings()]

    async def events(self, topic: str) -> list[dict[str, Any]]:
        """What was stated on a topic, in order."""
        found = await self.rows("SELECT value FROM outbox WHERE topic = :topic ORDER BY id", topic=topic)
        return [orjson.loads(row["value"]) for row in found]


@pytest.fixture
def configured(schema: str, monkeypatch: pytest.MonkeyPatch, environment: None) -> Iterator[pytest.MonkeyPatch]:
    """The executor's settings; clear the caches after changing more."""
    monkeypatch.setenv("ROUNDS_EXECUTOR_DATABASE_URL", schema)
    monkeypatch.setenv("ROUNDS_EXECUTOR_EGRESS_ALLOW", "127.0.0.0/8,::1/128")
    for peer in ("AUTH", "CATALOG"):
        monkeypatch.setenv(f"ROUNDS_{peer}_URL", "http://127.0.0.1:9")
    settings.cache_clear()
    executor_settings.cache_clear()
    yield monkeypatch
    executor_settings.cache_clear()


@asynccontextmanager
async def serving(target: Target) -> AsyncIterator[Executor]:
    """The executor behind a socket, its loops not started yet."""
    database.open()
    for prepare in service.on_start:
        await prepare()
    app = FastAPI(redirect_slashes=False)
    app.add_middleware(Edge)
    add_error_handlers(app)
    for router in service.routers:
        app.include_router(router)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    listening = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    executor = Executor(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", target)
    executor.member = await executor.user(MEMBER, project_ids=[PROJECT])
    await executor.project()
    await executor.environment()
    try:
        yield executor
    finally:
        for client in executor.clients:
            await client.aclose()
        server.should_exit = True
        await listening
        target.release()
        await executor.supervisor.stop(10)
        await worker.http.close()
        async with database.transaction() as session:
            for table in reversed(database.metadata.sorted_tables):
                if table.name != "clock_offset":
                    await session.execute(table.delete())
            await clock.move(session, timedelta())
        await database.close()


@pytest.fixture
async def idle(configured: pytest.MonkeyPatch, target: Target) -> AsyncIterator[Executor]:
    """An executor that takes runs but works on none."""
    async with serving(target) as executor:
        yield executor


@pytest.fixture
async def executor(idle: Executor) -> Executor:
    """An executor at work."""
    idle.start()
    return idle
