"""Partitions by the time in a UUIDv7: made ahead, dropped when their time is over, the clock being movable."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from uuid_utils.compat import uuid7

from kit import clock
from kit.db import Database
from kit.partitions import first_uuid7, keep_daily_partitions
from tests.kit.conftest import Toys
from tests.support.wait import until

AWARE = st.datetimes(datetime(1, 1, 2), datetime(2900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds)


@given(AWARE, AWARE)
def test_bounds_are_ordered_as_their_moments_are(one: datetime, other: datetime) -> None:
    early, late = sorted((one, other))
    assert first_uuid7(early) <= first_uuid7(late)


def test_a_new_id_lies_between_the_bounds_of_its_second() -> None:
    before = first_uuid7(datetime.now(UTC) - timedelta(seconds=1))
    assert before < UUID(str(uuid7())) < first_uuid7(datetime.now(UTC) + timedelta(seconds=1))


async def test_partitions_are_made_ahead_and_dropped_when_their_time_is_over(toys: Toys) -> None:
    database = toys.executor.database

    async def keep() -> list[str]:
        async with database.transaction() as session:
            return await keep_daily_partitions(session, "inbox", ahead_days=2, keep_days=30)

    assert await keep() == []
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO inbox VALUES (:id)"), {"id": uuid7()})
        rows = await session.execute(text("SELECT tableoid::regclass::text FROM inbox"))
        assert rows.scalar_one() == f"inbox_p{datetime.now(UTC):%Y%m%d}"

    async with database.transaction() as session:
        await clock.move(session, timedelta(days=32))
    dropped = await keep()
    assert f"inbox_p{datetime.now(UTC):%Y%m%d}" in dropped
    async with database.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM inbox"))).scalar_one() == 0


async def test_rows_that_came_before_their_partition_stay_and_are_purged_in_time(toys: Toys) -> None:
    database = toys.executor.database
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO inbox VALUES (:id)"), {"id": uuid7()})
        await keep_daily_partitions(session, "inbox", ahead_days=1, keep_days=30)
        assert (await session.execute(text("SELECT count(*) FROM inbox_default"))).scalar_one() == 1
    async with database.transaction() as session:
        await clock.move(session, timedelta(days=32))
    async with database.transaction() as session:
        await keep_daily_partitions(session, "inbox", ahead_days=1, keep_days=30)
        assert (await session.execute(text("SELECT count(*) FROM inbox"))).scalar_one() == 0


async def test_processes_that_start_together_make_each_partition_once(toys: Toys) -> None:
    database = toys.executor.database

    async def keep() -> None:
        async with database.transaction() as session:
            await keep_daily_partitions(session, "inbox", ahead_days=2, keep_days=30)

    await asyncio.gather(*(keep() for _ in range(4)))

    async with database.transaction() as session:
        made = text("SELECT count(*) FROM pg_inherits WHERE inhparent = CAST('inbox' AS regclass)")
        assert (await session.execute(made)).scalar_one() == 4


async def one_waits(database: Database) -> bool:
    async with database.transaction() as session:
        waiting = text("""SELECT count(*) FROM pg_stat_activity
                          WHERE wait_event_type = 'Lock' AND datname = current_database()""")
        return bool((await session.execute(waiting)).scalar_one())


async def test_who_reads_the_table_first_and_then_its_default_partition_is_no_deadlock(toys: Toys) -> None:
    database = toys.executor.database

    async def keep() -> None:
        async with database.transaction() as session:
            await keep_daily_partitions(session, "inbox", ahead_days=1, keep_days=30)

    async with database.transaction() as session:
        await session.execute(text("LOCK TABLE ONLY inbox IN ACCESS SHARE MODE"))  # as planning a read takes it first
        keeping = asyncio.create_task(keep())
        await until(lambda: one_waits(database))
        assert (await session.execute(text("SELECT count(*) FROM inbox_default"))).scalar_one() == 0
    await keeping


async def test_a_row_that_comes_while_its_partition_is_made_stays_and_hinders_no_other_partition(toys: Toys) -> None:
    database = toys.executor.database

    async def keep() -> None:
        async with database.transaction() as session:
            await keep_daily_partitions(session, "inbox", ahead_days=1, keep_days=30)

    async with database.transaction() as session:
        await session.execute(text("INSERT INTO inbox VALUES (:id)"), {"id": uuid7()})
        keeping = asyncio.create_task(keep())
        await until(lambda: one_waits(database))
    await keeping

    async with database.transaction() as session:
        rows = text("SELECT tableoid::regclass::text FROM inbox")
        assert (await session.execute(rows)).scalar_one() == "inbox_default"
        listed = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST('inbox' AS regclass)")
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert set((await session.execute(listed)).scalars()) == {"inbox_default", f"inbox_p{tomorrow:%Y%m%d}"}
