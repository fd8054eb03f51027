"""Which workers there are: each tells from time to time that it lives."""

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

_BEAT = text("""
    INSERT INTO worker (worker_id, capacity, started_at, seen_at) VALUES (:id, :capacity, clock_now(), clock_now())
    ON CONFLICT (worker_id) DO UPDATE SET capacity = excluded.capacity, seen_at = excluded.seen_at
""")


async def beat(session: AsyncSession, id_: str, capacity: int) -> None:
    """A worker lives and has room for so many case runs."""
    await session.execute(_BEAT, {"id": id_, "capacity": capacity})


async def leave(session: AsyncSession, id_: str) -> None:
    """A worker has stopped in good order."""
    await session.execute(text("DELETE FROM worker WHERE worker_id = :id"), {"id": id_})
