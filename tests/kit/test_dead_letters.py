"""Rule 7: what was put aside is handled again, or forgotten, when an operator says so."""

import pytest

from kit import dead_letters
from kit.errors import NotFound
from tests.kit.conftest import Toys
from tests.kit.test_consume import envelope


@pytest.fixture
async def letter(toys: Toys) -> int:
    """A dead letter of the executor, whose event goes on to be refused."""
    toys.executor.fail_with[1] = NotFound()
    await toys.executor.consumer.handle(envelope(1))
    (found,) = await dead_letters.dead_letters(toys.executor.database, 10)
    assert found["tries"] == 1
    return int(found["id"])


async def test_a_dead_letter_that_is_handled_is_gone(toys: Toys, letter: int) -> None:
    toys.executor.fail_with.clear()
    assert await dead_letters.retry(toys.executor.consumer, letter) == ("handled", "")
    assert await toys.executor.seen() == [1]
    assert await toys.executor.dead_letters() == []


async def test_a_dead_letter_that_fails_again_keeps_the_new_reason(toys: Toys, letter: int) -> None:
    toys.executor.fail_with[1] = ValueError("another fault")
    outcome = await dead_letters.retry(toys.executor.consumer, letter)
    assert outcome == ("failed", "ValueError: another fault")
    (kept,) = await toys.executor.dead_letters()
    assert (kept["reason"], kept["tries"]) == ("ValueError: another fault", 2)
    assert await toys.executor.seen() == []


async def test_a_fault_of_the_infrastructure_changes_no_dead_letter(toys: Toys, letter: int) -> None:
    toys.executor.fail_with[1] = OSError("away")
    with pytest.raises(OSError, match="away"):
        await dead_letters.retry(toys.executor.consumer, letter)
    (kept,) = await toys.executor.dead_letters()
    assert kept["tries"] == 1


async def test_a_dead_letter_whose_event_was_handled_meanwhile_is_gone_without_effect(toys: Toys) -> None:
    once = envelope(1)
    toys.executor.fail_with[1] = NotFound()
    await toys.executor.consumer.handle(once)
    toys.executor.fail_with.clear()
    await toys.executor.consumer.handle(once)
    (found,) = await dead_letters.dead_letters(toys.executor.database, 10)
    assert await dead_letters.retry(toys.executor.consumer, found["id"]) == ("duplicate", "")
    assert await toys.executor.seen() == [1]
    assert await toys.executor.dead_letters() == []


async def test_what_is_dropped_is_never_handled(toys: Toys, letter: int) -> None:
    assert await dead_letters.ids_of_all(toys.executor.database) == [letter]
    assert await dead_letters.drop(toys.executor.database, [letter, letter + 1]) == [letter]
    assert (await dead_letters.retry(toys.executor.consumer, letter))[0] == "unknown"
