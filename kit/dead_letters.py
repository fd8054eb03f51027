"""What to do with events that could not be handled: look at them, hand them over again, forget them."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import RowMapping, text

from contracts.cloudevents import Envelope
from kit.consume import Consumer
from kit.db import Database
from kit.errors import is_infrastructure

_LIST = text("""
    SELECT id, CAST(event_id AS text) AS event_id, topic, key, tries, reason, created_at
    FROM dead_letter ORDER BY id LIMIT :limit
""")
_FAILED = text("UPDATE dead_letter SET reason = :reason, tries = tries + 1 WHERE id = :id")
_DROP = text("DELETE FROM dead_letter WHERE id = ANY(:ids) RETURNING id")


async def dead_letters(database: Database, limit: int) -> Sequence[RowMapping]:
    """The oldest dead letters of a service, without their values."""
    async with database.transaction() as session:
        return (await session.execute(_LIST, {"limit": limit})).mappings().all()


async def ids_of_all(database: Database) -> list[int]:
    """The ids of all dead letters of a service, oldest first."""
    async with database.transaction() as session:
        return list((await session.execute(text("SELECT id FROM dead_letter ORDER BY id"))).scalars())


async def retry(consumer: Consumer, letter_id: int) -> tuple[Literal["handled", "duplicate", "failed", "unknown"], str]:
    """Hand a dead letter's event to its consumer; answers what came of it, and the reason of a failure.

    What is handled is deleted, what fails again keeps the new reason. A process that ends in between leaves a letter
    whose next try is a duplicate.

    Raises: what the database raises when it is out of reach.
    """
    async with consumer.database.transaction() as session:
        query = text("SELECT topic, key, headers, value FROM dead_letter WHERE id = :id")
        letter = (await session.execute(query, {"id": letter_id})).mappings().first()
    if letter is None:
        return "unknown", "there is no such dead letter"
    try:
        handled = await consumer.deliver(_envelope(letter))
    except Exception as error:
        if is_infrastructure(error):
            raise
        reason = f"{type(error).__name__}: {error}"
        async with consumer.database.transaction() as session:
            await session.execute(_FAILED, {"id": letter_id, "reason": reason})
        return "failed", reason
    await drop(consumer.database, [letter_id])
    return "handled" if handled else "duplicate", ""


async def drop(database: Database, ids: Sequence[int]) -> list[int]:
    """Forget dead letters; answers the ids of those that there were."""
    async with database.transaction() as session:
        return sorted((await session.execute(_DROP, {"ids": list(ids)})).scalars())


def _envelope(letter: Any) -> Envelope:  # noqa: ANN401 (a database row)
    return Envelope.from_headers(letter["headers"], topic=letter["topic"], key=letter["key"], value=letter["value"])
