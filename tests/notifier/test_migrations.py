"""The migrations make exactly the tables that the models describe."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from kit.migrate import is_partition
from services.notifier.models import Base
from tests.notifier.conftest import Notifier, database


def differences(connection: Connection) -> list[object]:
    options = {"include_name": lambda name, kind, _: not (kind == "table" and is_partition(str(name)))}
    context = MigrationContext.configure(connection, opts=options)
    return [
        difference
        for difference in compare_metadata(context, Base.metadata)
        if "alembic_version" not in str(difference)
    ]


async def test_a_migrated_schema_is_what_the_models_describe(notifier: Notifier) -> None:
    del notifier
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
