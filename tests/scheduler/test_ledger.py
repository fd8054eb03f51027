"""What the ledger says: of targets too large, of runs that were never heard of again, of what it has forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from services.scheduler import loops
from services.scheduler.main import service
from services.scheduler.settings import scheduler_settings
from services.scheduler.usecases.announcing import MAX_CASES_OF_TARGETS
from tests.scheduler.conftest import Scheduler, completed, looping
from tests.scheduler.test_firing import outcome
from tests.support.wait import elapsed, until

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("fields", [{}, {"misfire_grace_seconds": 9000}])
async def test_cases_beyond_what_an_event_can_hold_are_left_out_and_the_ledger_says_so(
    scheduler: Scheduler, fields: dict[str, Any]
) -> None:
    async with service.database.transaction() as session:
        many = """INSERT INTO known_case SELECT 1000 + n, 'c', 7, 4, ARRAY['many'], 1, false
                  FROM generate_series(1, :n) AS n"""
        await session.execute(text(many), {"n": MAX_CASES_OF_TARGETS + 1})
    task = await scheduler.save(targets=[{"project_id": 7, "tag": "many"}], **fields)
    await scheduler.move_clock(HOUR)

    await scheduler.tick()

    [due] = await scheduler.due()
    assert len(due.cases) == MAX_CASES_OF_TARGETS + 1  # and the one that is named
    [fired] = await scheduler.ledger(task["id"])
    assert (fired["outcome"], fired["reason"]) == ("fired", "targets_cut")
    await scheduler.state(completed(due))
    [ended] = await scheduler.ledger(task["id"])
    assert (ended["outcome"], ended["reason"]) == ("passed", "targets_cut")


async def test_an_answer_that_makes_no_sense_holds_up_no_other_silent_firing(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_SCHEDULER_SILENT_SECONDS", "0.01")
    scheduler_settings.cache_clear()
    for _ in range(5):
        await scheduler.save()
    await scheduler.move_clock(HOUR)
    await scheduler.tick()
    first, *others = await scheduler.due()
    scheduler.sources.runs = {str(due.run_id): {"completed": completed(due).model_dump(mode="json")} for due in others}
    scheduler.sources.runs[str(first.run_id)] = {"completed": "nonsense"}
    await elapsed(0.02)

    with pytest.raises(ValidationError):
        await loops.ask_about_silent_firings()

    states = await scheduler.rows("SELECT state, count(*) AS n FROM firing GROUP BY state ORDER BY state")
    assert states == [{"state": "fired", "n": 1}, {"state": "passed", "n": 4}]


async def test_the_ledger_forgets_after_a_time_and_tells_since_when_it_is_kept(scheduler: Scheduler) -> None:
    over, running = await scheduler.save(), await scheduler.save()
    await scheduler.move_clock(HOUR)
    await scheduler.tick()
    [due] = [due for due in await scheduler.due() if due.task_id == over["id"]]
    await scheduler.state(completed(due))
    path = f"/scheduler/tasks/{over['id']}/occurrences"

    await scheduler.move_clock(timedelta(days=364))
    await loops.tidy()
    kept = (await scheduler.bob.get(path)).json()
    await scheduler.move_clock(timedelta(days=366))
    await loops.tidy()
    purged = (await scheduler.bob.get(path)).json()

    ended_at = kept["data"][0]["firings"][0]["ended_at"]
    assert (kept["total"], kept["kept_since"] < ended_at) == (1, True)
    assert (purged["total"], purged["kept_since"] > ended_at) == (0, True)
    assert await outcome(scheduler, over["id"]) == ("completed", "passed", 1)
    assert len(await scheduler.ledger(running["id"])) == 1


async def test_a_silent_firing_is_asked_about_and_announced_again_with_the_same_run(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_SCHEDULER_SILENT_SECONDS", "0.2")
    scheduler_settings.cache_clear()
    task = await scheduler.save()
    await scheduler.move_clock(HOUR)
    async with looping():
        await until(lambda: ("executor/runs", str) in [(name, type(what)) for name, what in scheduler.sources.asked])

        async def again() -> bool:
            return len(await scheduler.due()) > 1

        await until(again)
        first, second = (await scheduler.due())[:2]
        assert first == second
        scheduler.sources.runs[str(first.run_id)] = {
            "run_id": str(first.run_id), "status": "failed", "final": True,
            "completed": completed(first, "failed").model_dump(mode="json"),
        }  # fmt: skip

        async def ended() -> bool:
            return (await outcome(scheduler, task["id"])) == ("failed", "failed", 1)

        await until(ended)


async def test_a_run_that_the_executor_does_not_know_for_an_hour_is_lost(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_SCHEDULER_SILENT_SECONDS", "0.2")
    scheduler_settings.cache_clear()
    task = await scheduler.save(max_retries=3)
    await scheduler.move_clock(HOUR)
    await scheduler.tick()
    await scheduler.move_clock(2 * HOUR + timedelta(seconds=1))
    async with looping():

        async def lost() -> bool:
            return (await outcome(scheduler, task["id"])) == ("failed", "lost", 1)

        await until(lost)
    [occurrence] = await scheduler.ledger(task["id"])
    assert (occurrence["outcome"], occurrence["reason"]) == ("lost", "unknown_to_executor")


async def test_a_task_that_is_due_once_fires_once_however_the_clock_steps(scheduler: Scheduler) -> None:
    passed_over = await scheduler.save(startTime=await scheduler.time(1800))
    ahead = await scheduler.save(startTime=await scheduler.time(5400))
    for offset, fired in ((HOUR, 1), (timedelta(0), 0), (-HOUR, 0), (HOUR, 0), (2 * HOUR, 1), (HOUR, 0), (2 * HOUR, 0)):
        await scheduler.move_clock(offset)
        assert (await scheduler.tick())["fired"] == fired, offset
    for task in (passed_over, ahead):
        [occurrence] = await scheduler.ledger(task["id"])
        assert occurrence["outcome"] == "fired"
        assert occurrence["lag_ms"] > 1_700_000
