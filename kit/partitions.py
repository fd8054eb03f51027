"""Tables partitioned by the time that a UUIDv7 key carries: made ahead, dropped when their time is over."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import clock


def first_uuid7(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment: the bound between what came before it and what came after."""
    return UUID(int=max(int(moment.timestamp() * 1000), 0) << 80)


async def keep_daily_partitions(session: AsyncSession, table: str, *, ahead_days: int, keep_days: int) -> list[str]:
    """Make the partitions of today and the coming days, drop those older than `keep_days`; answers what was dropped.

    Partitions are named `<table>_p20260131`. Rows that came while a day had none lie in `<table>_default`; they
    stay there, and are deleted row by row when their time is over.
    """
    await session.execute(text(f"LOCK TABLE ONLY {table} IN SHARE UPDATE EXCLUSIVE MODE"))  # one process at a time
    await session.execute(text("SET LOCAL lock_timeout = '2s'"))
    today = (await clock.now(session)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    listed = await session.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:table AS regclass)"),
        {"table": table},
    )
    present = set(listed.scalars())
    oldest = today - timedelta(days=keep_days)
    dropped = [
        name for name in sorted(present) if "_p" in name and name[-8:].isdigit() and name[-8:] < f"{oldest:%Y%m%d}"
    ]
    for name in dropped:
        await session.execute(text(f"DROP TABLE {name}"))
    for day in (today + timedelta(days=n) for n in range(ahead_days + 1)):
        name, low, high = f"{table}_p{day:%Y%m%d}", first_uuid7(day), first_uuid7(day + timedelta(days=1))
        if name not in present and await _may_be_made(session, table, low, high):
            await session.execute(
                text(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{low}') TO ('{high}')"),
            )
    key = await _key_of(session, table)
    await session.execute(
        text(f"DELETE FROM {table}_default WHERE {key} < :oldest"),
        {"oldest": first_uuid7(oldest)},
    )
    return dropped


async def _may_be_made(session: AsyncSession, table: str, low: UUID, high: UUID) -> bool:
    """Whether the default partition has no row of a range; then it gets none before the transaction ends."""
    if await _default_has(session, table, low, high):
        return False
    for name in (f"ONLY {table}", f"{table}_default"):  # as who reads takes them: otherwise it would be a deadlock
        await session.execute(text(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"))
    return not await _default_has(session, table, low, high)


async def _default_has(session: AsyncSession, table: str, low: UUID, high: UUID) -> bool:
    """Whether rows of a range lie in the default partition already: PostgreSQL then refuses a partition for it."""
    key = await _key_of(session, table)
    query = text(f"SELECT EXISTS (SELECT 1 FROM {table}_default WHERE {key} >= :low AND {key} < :high)")
    return bool((await session.execute(query, {"low": low, "high": high})).scalar_one())


async def _key_of(session: AsyncSession, table: str) -> str:
    query = text("""
        SELECT a.attname FROM pg_partitioned_table p
        JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
        WHERE p.partrelid = CAST(:table AS regclass)
    """)
    return str((await session.execute(query, {"table": table})).scalar_one())
