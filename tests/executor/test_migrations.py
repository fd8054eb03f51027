"""The migrations make exactly the tables that the models describe."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from kit.migrate import is_partition
from services.executor.main import service


def differences(connection: Connection) -> list[object]:
    options = {"include_name": lambda name, kind, _: not (kind == "table" and is_partition(str(name)))}
    context = MigrationContext.configure(connection, opts=options)
    found = compare_metadata(context, service.database.metadata)
    return [difference for difference in found if "alembic_version" not in str(difference)]


@pytest.mark.usefixtures("idle")
async def test_a_migrated_schema_is_what_the_models_describe() -> None:
    async with service.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
