"""Auth and the catalog, which auth asks about projects, on a socket; the other services are not there."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from contracts.topics import topic_named
from kit import clock
from kit.dispatch import dispatch
from kit.edge import Edge
from kit.http import add_error_handlers
from kit.loops import Supervisor
from kit.settings import settings
from services.auth.main import service as auth
from services.auth.settings import auth_settings
from services.catalog.main import service as catalog
from tests.support.serve import bound_socket, serving

ADMIN_PASSWORD = "admin-password-of-tests"
PASSWORD = "password-of-tests"
SERVICES = (auth, catalog)


class Client(httpx.AsyncClient):
    """A client, and the user that it is logged in as."""

    user_id: int = 0
    token: str = ""

    async def log_in(self, username: str, password: str = PASSWORD) -> dict[str, Any]:
        """Log in and carry the token from now on."""
        answer = await self.post("/user/login", json={"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        self.user_id, self.token = found["user_info"]["id"], found["token"]
        self.headers["Authorization"] = f"Token {self.token}"
        return found


@dataclass
class Running:
    """The running services. `admin` is logged in as the first superuser."""

    url: str
    admin: Client = field(init=False)
    clients: list[Client] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def client(self, **headers: str) -> Client:
        """A client that is not logged in."""
        self.clients.append(Client(base_url=self.url, headers=headers, timeout=30))
        return self.clients[-1]

    async def create(self, username: str, **more: Any) -> int:
        """Make a user; answers the id."""
        answer = await self.admin.post("/user/user-view", json={"username": username, "password": PASSWORD, **more})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["user"]["id"])

    async def user(self, username: str = "bob", **more: Any) -> Client:
        """A client logged in as a new user."""
        await self.create(username, **more)
        client = self.client()
        await client.log_in(username)
        return client

    async def project(self, name: str | None = None) -> int:
        """Make a project in the catalog; answers the id."""
        new = {"name": name or f"项目{next(self.numbers)}"}
        answer = await self.admin.post("/catalog/projects", json=new)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    async def move_clock(self, offset: timedelta) -> None:
        """Let auth's clock run ahead by this much."""
        async with auth.database.transaction() as session:
            await clock.move(session, offset)

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What auth has stored."""
        async with auth.database.transaction() as session:
            return [dict(row) for row in (await session.execute(text(query), values)).mappings()]

    async def execute(self, statement: str) -> None:
        """Change what auth has stored."""
        async with auth.database.transaction() as session:
            await session.execute(text(statement))

    async def states(self, user_id: int) -> list[dict[str, Any]]:
        """What was stated of a user, in order."""
        query = "SELECT value FROM outbox WHERE topic = 'user.changed' AND subscriber = 'catalog' AND key = :key"
        found = await self.rows(f"{query} ORDER BY id", key=str(user_id))
        return [orjson.loads(row["value"]) for row in found]


@pytest.fixture
def configured(databases: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings of both services; clear their caches after changing more."""
    del databases
    monkeypatch.setenv("ROUNDS_ADMIN_PASSWORD", ADMIN_PASSWORD)
    auth_settings.cache_clear()
    yield monkeypatch
    auth_settings.cache_clear()


@pytest.fixture
async def running(configured: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """Both services with nobody but the first superuser, logged in as `running.admin`."""
    async with started(configured) as found:
        found.admin = found.client()
        await found.admin.log_in("admin", ADMIN_PASSWORD)
        yield found


@asynccontextmanager
async def started(patch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    listener = bound_socket()
    patch.setenv("ROUNDS_HTTP_PORT", str(listener.getsockname()[1]))
    settings.cache_clear()
    app = FastAPI(redirect_slashes=False, lifespan=both)
    app.add_middleware(Edge)
    add_error_handlers(app)
    for service in SERVICES:
        for router in service.routers:
            app.include_router(router)
    async with serving(app, listener) as url:
        found = Running(url)
        yield found
        for client in found.clients:
            await client.aclose()


@asynccontextmanager
async def both(_: FastAPI) -> AsyncIterator[None]:
    supervisor = Supervisor()
    for service in SERVICES:
        service.database.subscribers = lambda topic: topic_named(topic).consumers
        service.database.open()
        for prepare in service.on_start:
            await prepare()
    supervisor.start("auth.to.catalog", dispatch(auth.database, catalog.consumer, supervisor.stopping))
    supervisor.start("catalog.to.auth", dispatch(catalog.database, auth.consumer, supervisor.stopping))
    yield
    await supervisor.stop(5)
    for service in SERVICES:
        await service.database.close()
