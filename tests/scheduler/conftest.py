"""The scheduler alone: listening on a socket, on a schema of its own, beside a small stand-in for its sources.

Only the scheduler is here; what auth, catalog and executor would state is delivered as their events.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import text

from contracts.auth import Credential, NotifySettings, UserChanged, UserSettings
from contracts.base import Event
from contracts.catalog import CaseChanged, EnvironmentChanged, ModuleChanged, ProjectChanged
from contracts.executor import RunCompleted, RunStarted
from contracts.scheduler import TaskDue
from kit import clock
from kit.edge import Edge
from kit.http import add_error_handlers
from kit.loops import Supervisor, run_loop
from kit.migrate import create_roles_and_schemas, upgrade
from kit.settings import settings
from services.scheduler.main import service
from services.scheduler.settings import scheduler_settings
from tests.support.events import enveloped
from tests.support.postgres import Postgres
from tests.support.serve import bound_socket, serving

ADMIN, BOB, EVE, CAROL = 1, 2, 3, 4
PROJECT, OTHER_PROJECT = 7, 8
ENVIRONMENT, DEFAULT_ENVIRONMENT = 3, 5
MODULE = 4


@dataclass
class Sources:
    """What auth, catalog and executor answer on their internal paths."""

    facts: dict[str, dict[int, Any]] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    down: bool = False
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: auth takes its time to tell whose a session is."""

    def __post_init__(self) -> None:
        self.answering.set()

    def know(self, noun: str, *events: Any) -> None:
        """Let a source know objects that the scheduler has not heard of."""
        self.facts.setdefault(noun, {}).update({event.id: orjson.loads(event.model_dump_json()) for event in events})


class Client(httpx.AsyncClient):
    """A client, and the user that it is logged in as."""

    user_id: int = 0


@dataclass
class Scheduler:
    """The running scheduler."""

    url: str
    sources: Sources
    admin: Client = field(init=False)
    bob: Client = field(init=False)
    """Member of project 7."""
    eve: Client = field(init=False)
    """Member of nothing."""

    async def state(self, *events: Event) -> None:
        """Let the scheduler hear of facts."""
        for event in events:
            await service.consumer.deliver(enveloped(event))

    async def now(self) -> datetime:
        """The present by the scheduler's clock."""
        async with service.database.transaction() as session:
            return await clock.now(session)

    async def move_clock(self, offset: timedelta) -> None:
        """Let the scheduler's clock run ahead by this much."""
        async with service.database.transaction() as session:
            await clock.move(session, offset)

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What is stored."""
        async with service.database.transaction() as session:
            return [dict(row) for row in (await session.execute(text(query), values)).mappings()]

    async def due(self) -> list[TaskDue]:
        """What was announced to the executor, in order."""
        rows = await self.rows("SELECT value FROM outbox WHERE topic = 'task.due' ORDER BY id")
        return [TaskDue.model_validate_json(row["value"]) for row in rows]

    async def save(self, client: Client | None = None, **fields: Any) -> dict[str, Any]:
        """Save a task due in an hour unless told otherwise; answers it in full."""
        body = {"case_ids": [22], "parallel": 0, "owner_ids": [BOB], "startTime": await self.time(3600), **fields}
        answer = await (client or self.bob).post("/api-data/schedule-api-cases", json=body)
        assert answer.status_code == 200, answer.text
        task: dict[str, Any] = answer.json()["task"]
        return task

    async def time(self, seconds: float) -> str:
        """A time from now as clients write it, in UTC."""
        return clock.utc_text(await self.now() + timedelta(seconds=seconds))

    async def tick(self) -> dict[str, Any]:
        """One pass by hand."""
        answer = await self.admin.post("/scheduler/tick")
        assert answer.status_code == 200, answer.text
        did: dict[str, Any] = answer.json()
        return did

    async def task(self, task_id: int) -> dict[str, Any]:
        """A task as `/scheduler` tells it."""
        answer = await self.bob.get(f"/scheduler/tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def ledger(self, task_id: int) -> list[dict[str, Any]]:
        """A task's occurrences, the latest first."""
        answer = await self.bob.get(f"/scheduler/tasks/{task_id}/occurrences", params={"page_size": 200})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found


def token(user_id: int) -> str:
    return f"rnd_token_of_{user_id}"


def user(id: int, username: str, projects: list[int] = [], **more: Any) -> UserChanged:  # noqa: B006 (read only)
    credential = Credential(
        kind="session",
        sha256=hashlib.sha256(token(id).encode()).hexdigest(),
        scopes=["read", "run", "write"],
        expires_at=datetime(2100, 1, 1, tzinfo=UTC),
    )
    chosen = UserSettings(
        environments={}, failed_stop=True, only_failed_log=False, language="zh", notify=NotifySettings(email=True)
    )
    values: dict[str, Any] = {
        "id": id, "revision": 1, "deleted": False, "username": username, "real_name": username.title(),
        "email": f"{username}@example.test", "is_active": True, "is_superuser": False, "must_change_password": False,
        "project_ids": projects, "settings": chosen, "credentials": [credential],
    }  # fmt: skip
    return UserChanged(**(values | more))


def project(id: int, name: str, default_environment_id: int | None = None, **more: Any) -> ProjectChanged:
    values: dict[str, Any] = {
        "id": id, "revision": 1, "deleted": False, "name": name, "description": "", "variables": {},
        "egress_allow": [], "default_environment_id": default_environment_id,
    }  # fmt: skip
    return ProjectChanged(**(values | more))


def environment_of(id: int, project_id: int, **more: Any) -> EnvironmentChanged:
    values: dict[str, Any] = {
        "id": id, "revision": 1, "deleted": False, "name": f"env{id}", "project_id": project_id,
        "base_urls": {"default": "http://127.0.0.1"}, "headers": {}, "variables": {}, "secrets": {},
        "is_default": False, "verify_tls": True, "proxy": None,
    }  # fmt: skip
    return EnvironmentChanged(**(values | more))


def module(id: int, project_id: int, parent_id: int | None = None, **more: Any) -> ModuleChanged:
    values: dict[str, Any] = {
        "id": id, "revision": 1, "deleted": False, "name": f"模块{id}", "project_id": project_id,
        "parent_id": parent_id, "position": 0,
    }  # fmt: skip
    return ModuleChanged(**(values | more))


def case(id: int, name: str = "用例", project_id: int = PROJECT, module_id: int = MODULE, **more: Any) -> CaseChanged:
    values: dict[str, Any] = {
        "id": id, "revision": 1, "deleted": False, "name": name, "project_id": project_id, "module_id": module_id,
        "tags": [], "document": {}, "calls": [], "step_count": 1,
    }  # fmt: skip
    return CaseChanged(**(values | more))


def started(due: TaskDue) -> RunStarted:
    return RunStarted(
        run_id=due.run_id, task_id=due.task_id, trigger=due.trigger, attempt=due.attempt, cases_total=1,
        started_at=datetime.now(UTC),
    )  # fmt: skip


def completed(due: TaskDue, status: str = "passed", **more: Any) -> RunCompleted:
    """How the executor ends a run: final if it passed, was cancelled, or had the last attempt."""
    final = status in {"passed", "cancelled"} or due.attempt >= due.max_attempts
    values: dict[str, Any] = {
        "run_id": due.run_id, "task_id": due.task_id, "task_name": due.task_name, "trigger": due.trigger,
        "attempt": due.attempt, "max_attempts": due.max_attempts, "final": final, "status": status, "reason": None,
        "previous_status": due.previous_status, "notify": due.notify, "owner_ids": due.owner_ids,
        "project_ids": [PROJECT], "cases_total": 1, "cases_passed": 1, "cases_failed": 0, "cases_error": 0,
        "cases_skipped": 0, "pass_rate": 100.0 if status == "passed" else 0.0, "step_pass_rate": 100.0, "cases": [],
        "due_at": due.due_at, "started_at": None, "finished_at": datetime.now(UTC),
        "report_path": f"/console/runs/{due.run_id}",
    }  # fmt: skip
    return RunCompleted(**(values | more))


@pytest.fixture(scope="session")
def schema(postgres: Postgres, worker_id: str) -> str:
    """The address of a database with the scheduler's schema at head."""
    name = f"scheduler_{worker_id}"
    url = f"postgresql://{{service}}@127.0.0.1:{postgres.port}/{name}"

    async def make() -> None:
        await postgres.execute(f'CREATE DATABASE "{name}"')
        await create_roles_and_schemas(postgres.url(name))
        await upgrade(service.database, service.migrations)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUNDS_DATABASE_URL", url)
        settings.cache_clear()
        asyncio.run(make())
    settings.cache_clear()
    return url


def internal_paths(found: Sources) -> APIRouter:
    """The other services' internal paths."""
    router = APIRouter()

    @router.post("/internal/{service}/{noun}:lookup")
    async def look_up(service: str, noun: str, request: Request) -> JSONResponse:
        body = await request.json()
        found.asked.append((f"{service}/{noun}", body))
        if found.down:
            return JSONResponse({}, 503)
        known = found.facts.get(noun, {})
        return JSONResponse({noun: [known[id_] for id_ in body["ids"] if id_ in known]})

    @router.post("/internal/auth/tokens:verify")
    async def verify(request: Request) -> JSONResponse:
        sha256 = (await request.json())["sha256"]
        await found.answering.wait()
        for known in found.facts.get("users", {}).values():
            if sha256 in [credential["sha256"] for credential in known["credentials"]]:
                return JSONResponse({"user": known}, 503 if found.down else 200)
        return JSONResponse({"reason": "unknown"}, 503 if found.down else 200)

    @router.get("/internal/executor/runs/{run_id}")
    async def run(run_id: UUID) -> JSONResponse:
        found.asked.append(("executor/runs", str(run_id)))
        if found.down:
            return JSONResponse({}, 503)
        return JSONResponse(found.runs.get(str(run_id)), 200 if str(run_id) in found.runs else 404)

    return router


@pytest.fixture
async def scheduler(
    schema: str,
    monkeypatch: pytest.MonkeyPatch,
    environment: None,
) -> AsyncIterator[Scheduler]:
    """The scheduler without its loops, with some users, cases and environments known to it."""
    listener, sources = bound_socket(), Sources()
    monkeypatch.setenv("ROUNDS_DATABASE_URL", schema)
    monkeypatch.setenv("ROUNDS_HTTP_PORT", str(listener.getsockname()[1]))
    settings.cache_clear()
    scheduler_settings.cache_clear()
    service.database.subscribers = lambda _topic: ("*",)
    service.database.open()
    app = FastAPI(redirect_slashes=False)
    app.add_middleware(Edge)
    add_error_handlers(app)
    for router in [*service.routers, internal_paths(sources)]:
        app.include_router(router)
    async with serving(app, listener) as url:
        found = Scheduler(url, sources)
        found.admin, found.bob, found.eve = (_client(url, user_id) for user_id in (ADMIN, BOB, EVE))
        await found.state(
            user(ADMIN, "admin", is_superuser=True), user(BOB, "bob", [PROJECT]), user(EVE, "eve"),
            user(CAROL, "carol", [PROJECT], is_active=False),
            project(PROJECT, "项目A", DEFAULT_ENVIRONMENT), project(OTHER_PROJECT, "项目B"),
            environment_of(ENVIRONMENT, PROJECT), environment_of(DEFAULT_ENVIRONMENT, PROJECT),
            environment_of(9, OTHER_PROJECT), module(MODULE, PROJECT), module(6, OTHER_PROJECT),
            case(22, "登录", revision=4), case(20, "下单"), case(30, "别人的", OTHER_PROJECT, 6),
        )  # fmt: skip
        sources.know("users", user(ADMIN, "admin", is_superuser=True), user(BOB, "bob", [PROJECT]), user(EVE, "eve"))
        yield found
        for client in (found.admin, found.bob, found.eve):
            await client.aclose()
    async with service.database.transaction() as session:
        for table in reversed(service.database.metadata.sorted_tables):
            if table.name != "clock_offset":
                await session.execute(table.delete())
        await clock.move(session, timedelta())
    await service.database.close()
    scheduler_settings.cache_clear()


def _client(url: str, user_id: int) -> Client:
    client = Client(base_url=url, headers={"Authorization": f"Token {token(user_id)}"}, timeout=30)
    client.user_id = user_id
    return client


@asynccontextmanager
async def looping(count: int = 1) -> AsyncIterator[Supervisor]:
    """Run the scheduler's loops, `count` times each, as so many processes would."""
    supervisor = Supervisor()
    supervisor.start("endless:wake", service.database.wakeups.run())
    for number in range(count):
        for loop in service.loops:
            supervisor.start(f"{loop.name}{number}", run_loop(loop, service.database, supervisor.stopping))
    try:
        yield supervisor
    finally:
        assert supervisor.dead() == []
        await supervisor.stop(5)
