"""Roles belong to the server: migrations of two of its databases at the same time do not stop each other."""

import asyncio

import pytest

from kit.migrate import create_roles_and_schemas
from kit.settings import settings
from tests.support.postgres import Postgres

DATABASES = 6


async def test_migrations_of_several_databases_of_a_server_make_their_roles_at_once(
    postgres: Postgres, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"roles_{worker_id}_{n}" for n in range(DATABASES)]
    monkeypatch.setenv("ROUNDS_DATABASE_URL", f"postgresql://{{service}}_{worker_id}@127.0.0.1:{postgres.port}/any")
    settings.cache_clear()
    for name in names:
        await postgres.drop_database(name)
        await postgres.execute(f'CREATE DATABASE "{name}"')

    await asyncio.gather(*(create_roles_and_schemas(postgres.url(name)) for name in names))

    for name in names:
        await postgres.drop_database(name)
