"""Rules 1 and 2: one transaction per step, and an event is part of it."""

import asyncio

import pytest
from sqlalchemy import text

from kit import relay
from kit.errors import PayloadTooLarge
from kit.outbox import publish
from tests.kit.conftest import Toys, module_changed, run_started
from tests.support.wait import until


async def write(toys: Toys, thing: int) -> None:
    async with toys.catalog.database.transaction() as session:
        await session.execute(text("INSERT INTO thing VALUES (:id, 0) ON CONFLICT DO NOTHING"), {"id": thing})
        counted = text("UPDATE thing SET revision = revision + 1 WHERE id = :id RETURNING revision")
        revision = (await session.execute(counted, {"id": thing})).scalar_one()
        await asyncio.sleep(0)
        await publish(session, module_changed(thing, revision))


async def test_ten_writers_on_one_key_give_ten_revisions_and_events_in_that_order(toys: Toys, mode: str) -> None:
    async with toys.carried_by(mode):
        await asyncio.gather(*(write(toys, 7) for _ in range(10)))
        for listener in (toys.executor, toys.notifier):
            await listener.saw(list(range(1, 11)))


async def test_two_writers_whose_commits_cross_lose_no_event(toys: Toys, mode: str) -> None:
    """The one that took the lower id commits after the relay has read past it."""
    async with toys.carried_by(mode):
        late = toys.catalog.database.transaction()
        late_session = await late.__aenter__()
        await publish(late_session, module_changed(1, 1))

        async with toys.catalog.database.transaction() as session:
            await publish(session, module_changed(2, 2))

        async def second() -> bool:
            return await toys.executor.seen() == [2] and await toys.notifier.seen() == [2]

        await until(second, timeout=30)
        await late.__aexit__(None, None, None)

        async def both() -> bool:
            return await toys.executor.seen() == [2, 1] and await toys.notifier.seen() == [2, 1]

        await until(both, timeout=30)


async def test_what_is_rolled_back_was_never_stated(toys: Toys) -> None:
    async def fail() -> None:
        async with toys.catalog.database.transaction() as session:
            await publish(session, run_started())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with toys.catalog.database.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM outbox"))).scalar_one() == 0


async def test_an_event_above_900_kib_is_refused(toys: Toys) -> None:
    event = module_changed(1, 1).model_copy(update={"name": "x" * 900 * 1024})
    with pytest.raises(PayloadTooLarge):
        async with toys.catalog.database.transaction() as session:
            await publish(session, event)


async def test_a_thousand_events_keep_the_order_in_which_they_were_stated(toys: Toys, mode: str) -> None:
    async with toys.carried_by(mode):
        async with toys.catalog.database.transaction() as session:
            await publish(session, *(module_changed(3, revision) for revision in range(1, 1001)))

        async def all_there() -> bool:
            return len(await toys.executor.seen()) == 1000

        await until(all_there, timeout=60)
        assert await toys.executor.seen() == list(range(1, 1001))


async def test_a_relay_that_reads_ahead_keeps_the_order_and_finds_what_commits_late(
    toys: Toys, topics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 10)
    late = toys.catalog.database.transaction()
    late_session = await late.__aenter__()
    await publish(late_session, module_changed(1, 1000))
    async with toys.catalog.database.transaction() as session:
        await publish(session, *(module_changed(3, revision) for revision in range(1, 501)))
    async with toys.carried_by("kafka"):

        async def some() -> bool:
            return bool(await toys.executor.seen())

        await until(some, timeout=60)
        await late.__aexit__(None, None, None)

        async def all_there() -> bool:
            return len(await toys.executor.seen()) == 501

        await until(all_there, timeout=60)
        assert [number for number in await toys.executor.seen() if number != 1000] == list(range(1, 501))


async def test_what_one_process_left_undelivered_kafka_delivers(toys: Toys, topics: str) -> None:
    toys.catalog.database.subscribers = lambda _topic: ("executor", "notifier")
    async with toys.catalog.database.transaction() as session:
        await publish(session, run_started(5))
    async with toys.carried_by("kafka"):

        async def there() -> bool:
            return await toys.executor.seen() == [5] and await toys.notifier.seen() == [5]

        await until(there, timeout=30)
