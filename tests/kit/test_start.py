"""A process that starts while its database is away."""

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from kit.consume import Consumer
from kit.db import Database
from kit.loops import Loop
from kit.service import Service, create_app
from kit.settings import SERVICES, settings
from services.executor import migrations
from tests.kit.conftest import Toys
from tests.support.proxy import proxy_to
from tests.support.serve import serving
from tests.support.wait import until


async def test_what_comes_before_the_loops_is_tried_until_the_database_is_there(
    toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    url = toys.executor.database.url
    database = Database("executor")

    async def prepare() -> None:
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))
        done.append("prepared")

    async def step() -> float:
        done.append("looped")
        return 3600

    consumer = Consumer(database)
    others = [Service(name, database, migrations, [], consumer) for name in SERVICES if name != "executor"]
    services = [*others, Service("executor", database, migrations, [], consumer, [Loop(step)], on_start=[prepare])]
    async with proxy_to(url.port or 5432) as proxy:
        away = url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
        monkeypatch.setenv("ROUNDS_EXECUTOR_DATABASE_URL", away)
        settings.cache_clear()
        await proxy.refuse()
        async with serving(create_app(services)) as address, AsyncClient(base_url=address) as client:
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/healthz")).status_code == 200
            assert done == []

            await proxy.restore()

            await until(lambda: "looped" in done, 30)
            assert done == ["prepared", "looped"]
