"""`rounds migrate`: roles, schemas, their migrations, and topics."""

import asyncio
from collections.abc import Collection, Sequence

from sqlalchemy.exc import SQLAlchemyError

from cli.services import load
from kit.migrate import create_roles_and_schemas, pending, upgrade
from kit.service import Service
from kit.settings import settings
from kit.topics import ensure_topics


class MigrationFailed(Exception):
    """Something could not be made; the message says what."""


def run(names: Collection[str]) -> None:
    """Bring the named services' schemas to the newest revision, all of them when none is named; tell what was done.

    Safe to repeat, and from many processes at once.

    Raises: MigrationFailed.
    """
    asyncio.run(_run(load(names) if names else load()))


async def _run(services: Sequence[Service]) -> None:
    try:
        if (admin := settings().admin_database_url) is not None:
            await create_roles_and_schemas(admin.get_secret_value())
            print("roles and schemas: there", flush=True)
        for service in services:
            print(f"{service.name}: {await _migrate(service)}", flush=True)
        if not settings().embedded:
            made = await ensure_topics()
            print("topics: " + (f"made {', '.join(made)}" if made else "there"), flush=True)
    except (SQLAlchemyError, RuntimeError, OSError) as error:
        raise MigrationFailed(str(error)) from error


async def _migrate(service: Service) -> str:
    service.database.open()
    try:
        if not await pending(service.database, service.migrations):
            return "up to date"
    finally:
        await service.database.close()
    await upgrade(service.database, service.migrations)
    return "migrated"
