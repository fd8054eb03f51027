"""Rules 3 and 7: an event has its effect once, and a fault of one event or consumer is nobody else's."""

from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer
from sqlalchemy import text

from contracts.cloudevents import Envelope
from kit.errors import NotFound
from kit.outbox import publish
from kit.settings import settings
from tests.kit.conftest import Toys, run_started
from tests.support.events import enveloped
from tests.support.wait import until


async def state(toys: Toys, *numbers: int) -> None:
    for number in numbers:
        async with toys.catalog.database.transaction() as session:
            await publish(session, run_started(number))


def envelope(number: int) -> Envelope:
    return enveloped(run_started(number))


async def test_a_duplicate_has_no_effect(toys: Toys) -> None:
    once = envelope(4)
    assert await toys.executor.consumer.deliver(once)
    assert not await toys.executor.consumer.deliver(once)
    assert await toys.executor.seen() == [4]


async def test_an_event_whose_effect_failed_is_no_duplicate_later(toys: Toys) -> None:
    once = envelope(4)
    toys.executor.fail_with[4] = RuntimeError("broken")
    with pytest.raises(RuntimeError):
        await toys.executor.consumer.deliver(once)
    toys.executor.fail_with.clear()
    assert await toys.executor.consumer.deliver(once)
    assert await toys.executor.seen() == [4]


async def test_a_refusal_is_a_dead_letter_at_once_and_the_next_event_is_handled(toys: Toys, mode: str) -> None:
    toys.executor.fail_with[1] = NotFound()
    async with toys.carried_by(mode):
        await state(toys, 1, 2)

        async def handled() -> bool:
            return await toys.executor.seen() == [2] and len(await toys.executor.dead_letters()) == 1

        await until(handled, timeout=40)
        await toys.notifier.saw_all([1, 2], timeout=40)
    assert toys.executor.tries.count(1) == 1
    letter = (await toys.executor.dead_letters())[0]
    assert "NotFound" in letter["reason"]
    assert letter["headers"]["ce_type"] == "rounds.run.started.v1"
    assert sorted(await toys.notifier.seen()) == [1, 2]


async def test_a_poison_message_is_a_dead_letter_with_its_reason_and_the_next_one_is_handled(
    toys: Toys, mode: str
) -> None:
    async with toys.carried_by(mode):
        await state(toys, 1)
        async with toys.catalog.database.transaction() as session:
            await session.execute(
                text("""
                    INSERT INTO outbox (event_id, topic, type, key, subscriber, value)
                    SELECT gen_random_uuid(), topic, type, key, subscriber, '{"run_id": "no uuid"}' FROM outbox
                """)
            )
        await state(toys, 2)

        async def handled() -> bool:
            return sorted(await toys.executor.seen()) == [1, 2] and len(await toys.executor.dead_letters()) == 1

        await until(handled, timeout=40)
    assert "run_id" in (await toys.executor.dead_letters())[0]["reason"]


async def test_messages_that_no_column_could_hold_stop_nothing(toys: Toys, topics: str) -> None:
    """Whoever may write to the topics may write anything."""

    async def send(producer: AIOKafkaProducer, sent: Envelope, **changes: bytes | None) -> None:
        headers: dict[str, bytes | None] = {name: value.encode() for name, value in sent.headers().items()}
        listed = list((headers | changes).items())
        await producer.send_and_wait(
            f"{topics}run.started", sent.value, key=sent.key.encode(), headers=listed, partition=0
        )

    async with toys.carried_by("kafka"):
        async with AIOKafkaProducer(bootstrap_servers=settings().kafka_bootstrap_servers) as producer:
            await send(producer, envelope(1), ce_time=None)
            await send(producer, envelope(2), ce_time=b"0001-01-01T00:00:00+14:00")
            await send(producer, replace(envelope(3), key="\0", source="\0", value=b"\0"))
            await send(producer, envelope(4))
        await toys.executor.saw([4])

    letters = await toys.executor.dead_letters()
    assert [letter["headers"]["ce_source"] for letter in letters] == ["unknown", "unknown", "\N{REPLACEMENT CHARACTER}"]


async def test_an_unexpected_fault_is_tried_five_times_and_stops_no_other_consumer(toys: Toys, mode: str) -> None:
    toys.executor.fail_with[1] = RuntimeError("a bug")
    async with toys.carried_by(mode):
        await state(toys, 1, 2)

        async def handled() -> bool:
            put_aside = len(await toys.executor.dead_letters()) == 1
            return put_aside and await toys.executor.seen() == [2] and sorted(await toys.notifier.seen()) == [1, 2]

        await until(handled, timeout=40)
    letters = await toys.executor.dead_letters()
    assert toys.executor.tries.count(1) == 5
    assert [(letter["reason"], letter["tries"]) for letter in letters] == [("RuntimeError: a bug", 5)]
    assert await toys.notifier.dead_letters() == []


async def test_a_consumer_that_fails_without_end_stops_nobody_else(toys: Toys, mode: str) -> None:
    toys.executor.fail_with[1] = ConnectionRefusedError("away")
    async with toys.carried_by(mode):
        await state(toys, 1, 2, 3)

        async def others() -> bool:
            return sorted(await toys.notifier.seen()) == [1, 2, 3] and toys.executor.tries.count(1) >= 3

        await until(others, timeout=40)
        toys.executor.fail_with.clear()

        async def all_there() -> bool:
            return sorted(await toys.executor.seen()) == [1, 2, 3]

        await until(all_there, timeout=40)
    assert await toys.executor.dead_letters() == []
