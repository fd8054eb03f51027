"""Rules 2 and 4: what was stated can be stated again, the same events or the present states."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.catalog import ModuleChanged
from kit import replay
from kit.consume import HANDLED
from kit.db import Database
from kit.leader import leader
from kit.outbox import publish
from tests.kit.conftest import Toy, Toys, module_changed, run_started
from tests.support.wait import until


async def state(toys: Toys, *numbers: int) -> None:
    async with toys.catalog.database.transaction() as session:
        await publish(session, *(module_changed(7, number) for number in numbers))


async def all_published(database: Database) -> None:
    async def none_waits() -> bool:
        return [row["waiting"] for row in await replay.outbox_status(database)] == [0]

    await until(none_waits, 30)


async def event_ids(toy: Toy) -> list[Any]:
    async with toy.database.transaction() as session:
        return list((await session.execute(text("SELECT event_id FROM outbox ORDER BY id"))).scalars())


async def things(session: AsyncSession, topic: str, after_id: int, limit: int) -> tuple[Sequence[ModuleChanged], Any]:
    assert topic == ModuleChanged.topic
    query = text("SELECT * FROM thing WHERE id > :after ORDER BY id LIMIT :limit FOR SHARE")
    rows = (await session.execute(query, {"after": after_id, "limit": limit})).all()
    return [module_changed(row.id, row.revision) for row in rows], rows[-1].id if rows else None


async def test_a_replay_publishes_the_same_events_again_in_their_order(
    toys: Toys, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "REPLAYED_AT_ONCE", 3)
    async with toys.carried_by(mode):
        await state(toys, *range(1, 9))
        await toys.executor.saw(list(range(1, 9)))
        await all_published(toys.catalog.database)
        before = await event_ids(toys.catalog)
        rows = await replay.publish_again(toys.catalog.database, None, None)
        assert rows == (8 if mode == "kafka" else 16)
        for listener in (toys.executor, toys.notifier):
            await listener.saw([*range(1, 9), *range(1, 9)])
        await all_published(toys.catalog.database)
        assert await event_ids(toys.catalog) == before


async def test_what_a_consumer_handled_has_no_second_effect_when_it_is_replayed(toys: Toys, mode: str) -> None:
    duplicates = HANDLED.labels("executor", "run.started", "duplicate")
    async with toys.carried_by(mode):
        async with toys.catalog.database.transaction() as session:
            await publish(session, run_started(1))
        await toys.executor.saw([1])
        await all_published(toys.catalog.database)
        before = duplicates._value.get()
        assert await replay.publish_again(toys.catalog.database, None, None)
        await until(lambda: duplicates._value.get() > before, 30)
        assert await toys.executor.seen() == [1]


async def test_a_replay_takes_one_topic_since_a_time_and_leaves_another_carriers_rows(toys: Toys) -> None:
    database = toys.catalog.database
    database.subscribers = lambda _topic: ("executor",)
    await state(toys, 1)
    async with database.transaction() as session:
        await publish(session, run_started(2))
        await session.execute(text("UPDATE outbox SET time = '2025-08-26T07:00:00Z' WHERE topic = 'module.changed'"))
    await state(toys, 3)
    database.subscribers = lambda _topic: ("*",)
    await state(toys, 4)

    async def publish_all() -> None:
        async with database.transaction() as session:
            await session.execute(text("UPDATE outbox SET published_at = clock_now()"))

    await publish_all()
    assert await replay.publish_again(database, "run.started", None) == 1
    await publish_all()
    assert await replay.publish_again(database, None, datetime(2025, 8, 26, 7, 0, 1, tzinfo=UTC)) == 2
    await publish_all()
    assert await replay.publish_again(database, "module.changed", datetime(2025, 8, 26, 7, tzinfo=UTC)) == 2
    (row,) = await replay.outbox_status(database)
    assert (row["subscriber"], row["waiting"]) == ("executor", 2)
    assert row["oldest_seconds"] > 0
    assert row["kept_since"] is not None


async def test_present_states_are_published_under_new_ids_for_every_row(toys: Toys, mode: str) -> None:
    count = 2 * replay.STATED_AT_ONCE + 1
    async with toys.catalog.database.transaction() as session:
        await session.execute(text("INSERT INTO thing SELECT n, n FROM generate_series(1, :count) n"), {"count": count})
    async with toys.carried_by(mode):
        assert await replay.state_again(toys.catalog.database, ModuleChanged.topic, things) == count
        for listener in (toys.executor, toys.notifier):
            await listener.saw_all(range(1, count + 1))
    assert len(set(await event_ids(toys.catalog))) == count


async def test_rows_for_one_process_are_refused_while_a_relay_to_kafka_is_at_work(toys: Toys) -> None:
    database = toys.catalog.database
    async with leader(database, "relay"):
        with pytest.raises(RuntimeError, match="ROUNDS_KAFKA_BOOTSTRAP_SERVERS"):
            await replay.state_again(database, ModuleChanged.topic, things)
        with pytest.raises(RuntimeError, match="ROUNDS_KAFKA_BOOTSTRAP_SERVERS"):
            await replay.publish_again(database, None, None)
