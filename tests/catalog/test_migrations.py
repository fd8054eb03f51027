from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from kit.migrate import is_partition
from services.catalog.db import database
from services.catalog.models import Base
from tests.catalog.conftest import Catalog


def differences(connection: Connection) -> list[object]:
    options = {"include_name": lambda name, kind, _: not (kind == "table" and is_partition(str(name)))}
    context = MigrationContext.configure(connection, opts=options)
    return [found for found in compare_metadata(context, Base.metadata) if "alembic_version" not in str(found)]


async def test_a_migrated_schema_is_what_the_models_describe(catalog: Catalog) -> None:
    del catalog
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
