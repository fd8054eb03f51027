"""Being the only process that does a thing: a PostgreSQL advisory lock on a connection of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from kit.db import Database

TRY_EVERY_SECONDS = 1.0


@asynccontextmanager
async def leader(database: Database, role: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Wait until no other process holds the role in this schema; yields the connection that holds it.

    When the process dies, PostgreSQL's TCP keepalives (5 s, then 3 × 2 s) free the lock.
    """
    connection = await database.connect()
    try:
        lock = "SELECT pg_try_advisory_lock(hashtext($1))"
        while not await connection.fetchval(lock, f"{database.name}.{role}"):  # noqa: ASYNC110 (a lock elsewhere)
            await asyncio.sleep(TRY_EVERY_SECONDS)
        yield connection
    finally:
        connection.terminate()
