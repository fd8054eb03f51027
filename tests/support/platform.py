"""All five services in one process of the test, on a real socket.

async with running_platform() as platform:              # ROUNDS_… variables are set by the fixture `databases`
    platform.url, platform.admin                        # an httpx client logged in as the first superuser
    bob = await platform.user("bob", projects=[7])      # a client of a new user; bob.user_id
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from cli.services import load
from kit.migrate import create_roles_and_schemas, upgrade
from kit.service import create_app
from kit.settings import settings
from tests.support.postgres import Postgres
from tests.support.serve import bound_socket, serving

ADMIN_PASSWORD = "admin-of-tests-1"
USER_PASSWORD = "user-of-tests-1"


class Client(httpx.AsyncClient):
    """An HTTP client of one logged-in user."""

    user_id: int = 0
    username: str = ""


@dataclass
class Platform:
    """A running Rounds."""

    url: str
    stack: AsyncExitStack
    admin: Client = field(init=False)

    async def client(self, username: str | None = None, password: str = USER_PASSWORD, **headers: str) -> Client:
        """A client, logged in when a name is given."""
        made = Client(base_url=self.url, headers={"Accept-Language": "en", **headers}, timeout=30)
        await self.stack.enter_async_context(made)
        if username is not None:
            answer = await made.post("/user/login", json={"username": username, "password": password})
            assert answer.status_code == httpx.codes.OK, answer.text
            made.headers["Authorization"] = f"Token {answer.json()['token']}"
            made.user_id, made.username = answer.json()["user_info"]["id"], username
        return made

    async def user(self, username: str, projects: list[int] | None = None, **fields: Any) -> Client:
        """Create a user and log in."""
        body = {
            "username": username,
            "real_name": username.title(),
            "email": f"{username}@example.test",
            "password": USER_PASSWORD,
            "is_superuser": False,
            **fields,
        }
        created = await self.admin.post("/user/user-view", json=body)
        assert created.status_code == httpx.codes.OK, created.text
        if projects is not None:
            assigned = {"user_id": created.json()["user"]["id"], "project_ids": projects}
            answer = await self.admin.post("/user/assign-projects", json=assigned)
            assert answer.status_code == httpx.codes.OK, answer.text
        return await self.client(username)


@asynccontextmanager
async def running_platform(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    """Serve all five services, embedded, with the first superuser logged in."""
    listener = bound_socket()
    monkeypatch.setenv("ROUNDS_HTTP_PORT", str(listener.getsockname()[1]))
    monkeypatch.setenv("ROUNDS_ADMIN_PASSWORD", ADMIN_PASSWORD)
    settings.cache_clear()
    async with serving(create_app(load()), listener) as url, AsyncExitStack() as stack:
        platform = Platform(url, stack)
        platform.admin = await platform.client("admin", ADMIN_PASSWORD)
        yield platform


async def make_template(server: Postgres, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database with every schema at head, for tests to clone."""
    await server.drop_database(name)
    await server.execute(f'CREATE DATABASE "{name}"')
    point_services_at(server, name, monkeypatch)
    await create_roles_and_schemas(server.url(name))
    for service in load():
        await upgrade(service.database, service.migrations)


def point_services_at(server: Postgres, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every service use a database of the test server."""
    monkeypatch.setenv("ROUNDS_DATABASE_URL", f"postgresql://{{service}}@127.0.0.1:{server.port}/{name}")
    settings.cache_clear()


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{secrets.token_hex(4)}"
