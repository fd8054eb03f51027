"""What becomes of tasks that recur: each match of their cron has one outcome."""

from datetime import timedelta
from typing import Any

import pytest

from tests.scheduler.conftest import Scheduler, completed
from tests.scheduler.test_firing import outcome

HOUR = timedelta(hours=1)


async def hourly(scheduler: Scheduler, **fields: Any) -> dict[str, Any]:
    """A task due at every full hour, the first time in half an hour."""
    await to_the_next_hour(scheduler, hours=0, seconds=1800)
    return await scheduler.save(startTime=await scheduler.time(60), cron="0 * * * *", **fields)


async def to_the_next_hour(scheduler: Scheduler, hours: int = 1, seconds: float = 1) -> None:
    """Move the clock to just after a full hour."""
    now = await scheduler.now()
    target = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=hours, seconds=seconds)
    [offset] = await scheduler.rows("SELECT value FROM clock_offset")
    await scheduler.move_clock(offset["value"] + (target - now))


async def test_a_recurring_task_goes_back_to_pending_and_comes_again(scheduler: Scheduler) -> None:
    task = await hourly(scheduler)
    for round_, ended in enumerate(("failed", "passed"), start=1):
        await to_the_next_hour(scheduler)
        assert (await scheduler.tick())["fired"] == 1
        assert (await scheduler.task(task["id"]))["status"] == "running"
        await scheduler.state(completed((await scheduler.due())[-1], ended))
        assert await outcome(scheduler, task["id"]) == ("pending", ended, round_)
    first, second = await scheduler.due()
    assert second.due_at - first.due_at == HOUR
    assert second.previous_status == "failed"


@pytest.mark.parametrize(("overlap", "states"), [("skip", ["skipped"]), ("allow", ["fired"]), ("queue", ["waiting"])])
async def test_an_occurrence_while_the_one_before_it_runs(
    scheduler: Scheduler, overlap: str, states: list[str]
) -> None:
    task = await hourly(scheduler, overlap=overlap)
    await to_the_next_hour(scheduler)
    await scheduler.tick()
    await to_the_next_hour(scheduler)
    await scheduler.tick()

    later, first = await scheduler.ledger(task["id"])
    assert (first["outcome"], [later["outcome"]]) == ("fired", states)
    await scheduler.state(completed((await scheduler.due())[0]))
    await scheduler.tick()
    status, _, _ = await outcome(scheduler, task["id"])
    assert status == ("pending" if overlap == "skip" else "running")
    for due in (await scheduler.due())[1:]:
        await scheduler.state(completed(due))
    count = 1 if overlap == "skip" else 2
    assert await outcome(scheduler, task["id"]) == ("pending", "passed", count)


async def test_only_one_occurrence_waits_in_the_queue(scheduler: Scheduler) -> None:
    task = await hourly(scheduler, overlap="queue")
    for _ in range(4):
        await to_the_next_hour(scheduler)
        await scheduler.tick()
    found = [(occurrence["outcome"], occurrence["reason"]) for occurrence in await scheduler.ledger(task["id"])]
    assert found == [("skipped", "queue_full"), ("skipped", "queue_full"), ("waiting", None), ("fired", None)]


async def test_after_a_downtime_the_latest_occurrence_fires_and_the_rest_is_one_row(scheduler: Scheduler) -> None:
    task = await hourly(scheduler)
    await to_the_next_hour(scheduler, hours=6, seconds=200)

    did = await scheduler.tick()

    assert (did["fired"], did["missed"]) == (1, 1)
    latest, missed = await scheduler.ledger(task["id"])
    assert latest["outcome"] == "fired"
    assert missed["missed"]["count"] == 5
    assert (missed["outcome"], missed["reason"]) == ("missed", "superseded")
    assert missed["missed"]["from_at"] == task["scheduled_time_utc"]


async def test_after_a_downtime_past_the_grace_nothing_fires_until_the_next_match(scheduler: Scheduler) -> None:
    task = await hourly(scheduler)
    await to_the_next_hour(scheduler, hours=6, seconds=400)

    did = await scheduler.tick()

    assert (did["fired"], did["missed"]) == (0, 1)
    [missed] = await scheduler.ledger(task["id"])
    assert (missed["missed"]["count"], missed["reason"]) == (6, "past_grace")
    assert await outcome(scheduler, task["id"]) == ("pending", None, 0)
    await to_the_next_hour(scheduler)
    assert (await scheduler.tick())["fired"] == 1


async def test_a_resumed_recurring_task_is_due_at_its_next_match(scheduler: Scheduler) -> None:
    task = await hourly(scheduler)
    await scheduler.bob.post(f"/scheduler/tasks/{task['id']}/pause")
    await to_the_next_hour(scheduler, hours=3, seconds=60)
    resumed = await scheduler.bob.post(f"/scheduler/tasks/{task['id']}/resume")
    now = await scheduler.now()
    assert resumed.json()["next_due_at"] > now.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (await scheduler.tick())["fired"] == 0
    await to_the_next_hour(scheduler)
    assert (await scheduler.tick())["fired"] == 1


@pytest.mark.parametrize(("ended", "status"), [("passed", "completed"), ("failed", "failed")])
async def test_a_recurring_task_ends_after_its_last_match(scheduler: Scheduler, ended: str, status: str) -> None:
    now = await scheduler.now()
    last = now.replace(minute=0, second=0, microsecond=0) + 2 * HOUR
    task = await hourly(scheduler, until=last.strftime("%Y-%m-%dT%H:%M:%SZ"))
    for _ in range(2):
        await to_the_next_hour(scheduler)
        assert (await scheduler.tick())["fired"] == 1
        await scheduler.state(completed((await scheduler.due())[-1], ended))
    assert await outcome(scheduler, task["id"]) == (status, ended, 2)
    await to_the_next_hour(scheduler)
    assert (await scheduler.tick())["fired"] == 0


async def test_the_clock_an_hour_back_and_forth_loses_and_doubles_nothing(scheduler: Scheduler) -> None:
    task = await hourly(scheduler)
    await to_the_next_hour(scheduler)
    await scheduler.tick()
    await scheduler.state(completed((await scheduler.due())[-1]))
    await to_the_next_hour(scheduler, hours=0)  # the same hour once more
    await scheduler.tick()
    [offset] = await scheduler.rows("SELECT value FROM clock_offset")
    await scheduler.move_clock(offset["value"] - HOUR)
    assert (await scheduler.tick())["fired"] == 0
    await scheduler.move_clock(offset["value"])
    assert (await scheduler.tick())["fired"] == 0
    await to_the_next_hour(scheduler)
    assert (await scheduler.tick())["fired"] == 1
    first, second = await scheduler.due()
    assert second.due_at - first.due_at == HOUR
    assert len(await scheduler.ledger(task["id"])) == 2
