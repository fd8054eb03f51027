"""Roles, schemas and their migrations; Alembic configured in code, so that five services need no five .ini files."""

import asyncio
import logging
from functools import cache
from pathlib import Path
from types import ModuleType

import asyncpg
from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from asyncpg import exceptions as pg
from sqlalchemy import Connection, MetaData, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from kit.db import Database
from kit.settings import SERVICES, settings

log = logging.getLogger(__name__)

TRIES = 10


async def create_roles_and_schemas(admin_url: str) -> None:
    """Make a role and a schema per service in the database of `admin_url`; the role owns its schema and sees no other.

    Passwords are those of the services' own addresses. Safe to repeat, and from many processes: roles belong to the
    server and advisory locks to one database, so what collides with another database's migration is tried again.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            await _create_roles_and_schemas(admin_url)
        except (pg.UniqueViolationError, pg.DuplicateObjectError, pg.InternalServerError):
            if not tries_left:
                raise
        else:
            return


async def _create_roles_and_schemas(admin_url: str) -> None:
    admin = await asyncpg.connect(admin_url)
    try:
        async with admin.transaction():
            await admin.execute("SELECT pg_advisory_xact_lock(hashtext('rounds.roles'))")
            await admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            for service in SERVICES:
                url = make_url(settings().database_url_of(service))
                role = url.username or service
                if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                    await admin.execute(f'CREATE ROLE "{role}" LOGIN')
                if url.password:
                    quoted = await admin.fetchval("SELECT quote_literal($1::text)", url.password)
                    await admin.execute(f'ALTER ROLE "{role}" PASSWORD {quoted}')
                await admin.execute(f'GRANT "{role}" TO CURRENT_USER')
                await admin.execute(f'CREATE SCHEMA IF NOT EXISTS "{service}" AUTHORIZATION "{role}"')
    finally:
        await admin.close()


async def upgrade(database: Database, migrations: ModuleType, revision: str = "head") -> None:
    """Bring a schema to a revision, as its own role; one process at a time. A newer version's is left as it is."""
    engine = create_async_engine(
        database.url.set(drivername="postgresql+asyncpg"),
        poolclass=NullPool,
        connect_args={"server_settings": {"search_path": database.name, "lock_timeout": "5000"}},
    )
    config = alembic_config(migrations)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('rounds.migrate'))"))

            def run(sync: Connection) -> None:
                if _is_newer(sync, migrations):
                    log.warning("the schema %s is of a newer version of Rounds and stays so", database.name)
                    return
                config.attributes["connection"] = sync
                command.upgrade(config, revision)

            await connection.run_sync(run)
    finally:
        await engine.dispose()


def alembic_config(migrations: ModuleType) -> Config:
    """Alembic's configuration of a service's `migrations` package."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    return config


def run_environment(metadata: MetaData) -> None:
    """Be the whole of a service's `migrations/env.py`."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        compare_server_default=False,
        include_name=lambda name, kind, _: not (kind == "table" and is_partition(str(name))),
    )
    with context.begin_transaction():
        context.run_migrations()


def is_partition(table: str) -> bool:
    """Whether a table is a partition, which migrations leave to `kit/partitions.py`."""
    stem, _, suffix = table.rpartition("_")
    return bool(stem) and (suffix == "default" or (suffix[:1] == "p" and suffix[1:].isdigit()))


@cache
def _scripts(migrations: ModuleType) -> tuple[str | None, frozenset[str]]:
    """The newest revision and all of them, read from the disk once: probes ask every second or two."""
    scripts = ScriptDirectory.from_config(alembic_config(migrations))
    return scripts.get_current_head(), frozenset(script.revision for script in scripts.walk_revisions())


def _is_newer(connection: Connection, migrations: ModuleType) -> bool:
    current = MigrationContext.configure(connection).get_current_revision()
    return current is not None and current not in _scripts(migrations)[1]


async def pending(database: Database, migrations: ModuleType) -> bool:
    """Whether the schema lacks a migration of this code.

    A revision that this code does not know is a newer version's, which has only added to what is needed here: while
    processes are replaced one after the other, or after a step back, old code works on it.
    """
    head, known = await asyncio.to_thread(_scripts, migrations)
    async with database.engine.connect() as connection:
        current = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    return current != head and (current is None or current in known)
