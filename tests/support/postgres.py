"""PostgreSQL for tests.

with shared_postgres(root) as server:            # once per session; `root` is a folder all xdist workers see
    await server.create_database_from_template("worker_gw0", "rounds_template")
    server.url("worker_gw0")                     # postgresql://postgres@127.0.0.1:…/worker_gw0, for asyncpg

async with own_postgres(tmp_path) as server:     # durable, for tests that kill it: server.process.kill(), .start()
    …; await server.ready()
"""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from deploy.kafka.broker import free_port
from tests.support.processes import Process
from tests.support.shared import shared_server
from tests.support.wait import until

FAST = ["max_connections=300", "fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "jit=off"]
DURABLE = ["max_connections=300", "jit=off"]


@dataclass(frozen=True)
class Postgres:
    """A server on 127.0.0.1 that lets every local process in."""

    port: int

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """Name a database as the superuser's connection URL. `port`: a proxy's, when one is between."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    async def execute(self, sql: str, database: str = "postgres") -> None:
        """Run one statement as the superuser."""
        connection = await asyncpg.connect(self.url(database))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def create_database_from_template(self, name: str, template: str) -> None:
        """Clone a database. Nobody may be connected to the template."""
        await self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    async def drop_database(self, name: str) -> None:
        """Drop a database if there is one, ending its connections."""
        await self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def ready(self) -> None:
        """Wait until the server takes connections."""

        async def answers() -> bool:
            with suppress(OSError, asyncpg.PostgresError):
                await self.execute("SELECT 1")
                return True
            return False

        await until(answers, 30)


@dataclass(frozen=True)
class OwnPostgres(Postgres):
    """A server of one test alone, which may be stopped, killed, paused and started again."""

    process: Process


@contextmanager
def shared_postgres(root: Path) -> Iterator[Postgres]:
    """Give the session's server, starting it for the first worker that asks. Nothing is synced to disk."""
    with shared_server(root, "postgres", lambda data_dir, port: _command(data_dir, port, FAST)) as port:
        yield Postgres(port)


@asynccontextmanager
async def own_postgres(folder: Path) -> AsyncIterator[OwnPostgres]:
    """Start a server that keeps what it acknowledged, with its data and log in `folder`."""
    port = free_port()
    server = OwnPostgres(port, Process(_command(folder / "postgres", port, DURABLE), folder / "postgres.log"))
    server.process.start()
    try:
        await server.ready()
        yield server
    finally:
        await server.process.kill()


def _command(data_dir: Path, port: int, settings: list[str]) -> list[str]:
    options = [part for setting in settings for part in ("-c", setting)]
    return [sys.executable, "-m", "cli.postgres", "--data-dir", str(data_dir), "--port", str(port), *options]
