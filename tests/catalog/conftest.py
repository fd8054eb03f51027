"""The catalog alone, listening on a socket, on a schema of its own; users come to it as `user.changed` events."""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from contracts.auth import UserChanged
from kit.edge import Edge
from kit.http import add_error_handlers
from kit.loops import Supervisor, run_loop
from kit.migrate import create_roles_and_schemas, upgrade
from kit.settings import settings
from services.catalog import migrations
from services.catalog.consumers import consumer
from services.catalog.db import database
from services.catalog.main import service
from tests.support.postgres import Postgres
from tests.support.serve import bound_socket, serving

DOCUMENT: dict[str, Any] = {
    "apiVersion": "rounds/v1",
    "kind": "Case",
    "name": "登录",
    "tags": ["smoke"],
    "steps": [{"name": "ping", "type": "request", "request": {"method": "GET", "url": "{{base_url}}/ping"}}],
}


def document(name: str = "登录", **more: Any) -> dict[str, Any]:
    return {**DOCUMENT, "name": name, **more}


class Catalog:
    """The running service and who talks to it."""

    def __init__(self) -> None:
        self.url = ""
        self.known_to_auth: dict[int, dict[str, Any]] = {}
        """What `users:lookup` answers: the fixture stands in for auth."""
        self._ids = itertools.count(1)
        self._revisions = itertools.count(1)
        self._clients: list[httpx.AsyncClient] = []
        self.admin: httpx.AsyncClient

    async def user(
        self, username: str, *, superuser: bool = False, projects: list[int] | None = None
    ) -> httpx.AsyncClient:
        """A client logged in as a new user; `client.user_id` is its id."""
        user_id = next(self._ids)
        token = f"rnd_{username}_{user_id}"
        client = httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Token {token}", "Accept-Language": "en"},
            timeout=30,
            limits=httpx.Limits(max_connections=50),
        )
        client.user_id = user_id  # type: ignore[attr-defined]  # tests want to know it
        client.username = username  # type: ignore[attr-defined]  # the same
        client.superuser = superuser  # type: ignore[attr-defined]  # the same
        self._clients.append(client)
        await self.assign(client, projects or [])
        return client

    async def assign(self, client: Any, projects: list[int], *, told: bool = True) -> None:
        """Make a user the member of these projects at auth; the catalog is `told` by the event, or not yet."""
        state = {
            "id": client.user_id,
            "revision": next(self._revisions),
            "deleted": False,
            "username": client.username,
            "real_name": client.username,
            "email": "",
            "is_active": True,
            "is_superuser": client.superuser,
            "must_change_password": False,
            "project_ids": projects,
            "settings": None,
            "credentials": [
                {
                    "kind": "session",
                    "sha256": hashlib.sha256(
                        client.headers["authorization"].removeprefix("Token ").encode()
                    ).hexdigest(),
                    "scopes": ["read", "run", "write"],
                    "expires_at": "2099-01-01T00:00:00Z",
                }
            ],
        }
        self.known_to_auth[client.user_id] = state
        if not told:
            return
        async with database.transaction() as session:
            _, handler = consumer.handlers["user.changed"]
            await handler(UserChanged.model_validate_json(orjson.dumps(state)), session)

    async def project(self, name: str = "项目A", **more: Any) -> int:
        answer = await self.admin.post("/catalog/projects", json={"name": name, **more})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    async def module(self, project_id: int, name: str = "用户", **more: Any) -> int:
        answer = await self.admin.post(f"/catalog/projects/{project_id}/modules", json={"name": name, **more})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    async def case(self, module_id: int, name: str = "登录", **more: Any) -> int:
        answer = await self.admin.post(f"/catalog/modules/{module_id}/cases", json={"document": document(name, **more)})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    async def events(self, topic: str | None = None) -> list[dict[str, Any]]:
        """What the outbox holds, in order: the body of each event, with its topic."""
        async with database.transaction() as session:
            rows = await session.execute(text("SELECT topic, value FROM outbox ORDER BY id"))
            found = [{"topic": row.topic, **orjson.loads(row.value)} for row in rows]
        return [event for event in found if topic in {None, event["topic"]}]

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


@pytest.fixture(scope="session")
def schema(postgres: Postgres, worker_id: str) -> str:
    """The URL of a database with the catalog's schema in it, one per worker."""
    name = f"catalog_{worker_id}"
    url = f"postgresql://catalog@127.0.0.1:{postgres.port}/{name}"
    patch = pytest.MonkeyPatch()
    patch.setenv("ROUNDS_DATABASE_URL", f"postgresql://{{service}}@127.0.0.1:{postgres.port}/{name}")

    async def make() -> None:
        await postgres.execute(f'CREATE DATABASE "{name}"')
        await create_roles_and_schemas(postgres.url(name))
        await upgrade(database, migrations)

    settings.cache_clear()
    asyncio.run(make())
    patch.undo()
    settings.cache_clear()
    return url


@pytest.fixture
async def catalog(schema: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Catalog]:
    """The catalog with nothing in it but its superuser, `catalog.admin`."""
    monkeypatch.setenv("ROUNDS_CATALOG_DATABASE_URL", schema)
    monkeypatch.setattr(database, "subscribers", lambda _topic: ("*",))
    running = Catalog()
    async with _serving(running, monkeypatch) as url:
        running.url = url
        running.admin = await running.user("admin", superuser=True)
        yield running
        await running.close()
        await _empty()


@asynccontextmanager
async def _serving(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    supervisor = Supervisor()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        database.open()
        for prepare in service.on_start:
            await prepare()
        for loop in service.loops:
            supervisor.start(loop.name, run_loop(loop, database, supervisor.stopping))
        yield
        await supervisor.stop(5)
        await database.close()

    app = FastAPI(lifespan=lifespan, redirect_slashes=False)
    app.add_middleware(Edge)
    add_error_handlers(app)
    for router in service.routers:
        app.include_router(router)

    @app.post("/internal/auth/users:lookup")
    async def look_up(wanted: dict[str, list[int]]) -> dict[str, Any]:
        return {"users": [catalog.known_to_auth[id] for id in wanted["ids"] if id in catalog.known_to_auth]}

    @app.post("/internal/auth/tokens:verify")
    async def verify(wanted: dict[str, str]) -> dict[str, Any]:
        users = [
            user for user in catalog.known_to_auth.values() if user["credentials"][0]["sha256"] == wanted["sha256"]
        ]
        return {"user": users[0]} if users else {"reason": "unknown"}

    listener = bound_socket()
    monkeypatch.setenv("ROUNDS_HTTP_PORT", str(listener.getsockname()[1]))
    settings.cache_clear()
    async with serving(app, listener) as url:
        yield url


async def _empty() -> None:
    kept = {"alembic_version", "clock_offset"}
    connection = await database.connect()
    try:
        tables = [table.name for table in reversed(database.metadata.sorted_tables) if table.name not in kept]
        for table in tables:
            await connection.execute(f'DELETE FROM "{table}"')
    finally:
        await connection.close()
