"""What happens when a task falls due, and until its runs have ended."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from contracts.catalog import CaseChanged
from services.scheduler.main import service
from services.scheduler.settings import scheduler_settings
from tests.scheduler.conftest import (
    BOB,
    EVE,
    MODULE,
    Scheduler,
    case,
    completed,
    looping,
    module,
    started,
)
from tests.support.events import enveloped
from tests.support.wait import until

HOUR = timedelta(hours=1)


async def outcome(scheduler: Scheduler, task_id: int) -> tuple[str, str | None, int]:
    task = await scheduler.task(task_id)
    last = task["last_run"]
    return task["status"], last and last["status"], task["execution_count"]


async def test_a_due_task_is_announced_with_all_that_a_run_needs(scheduler: Scheduler) -> None:
    task = await scheduler.save(case_ids=[22, 20], parallel=1, owner_ids=[EVE, BOB], max_retries=2, notify="on_change")
    await scheduler.move_clock(HOUR)

    did = await scheduler.tick()

    assert (did["fired"], did["skipped"], did["missed"]) == (1, 0, 0)
    [due] = await scheduler.due()
    assert due.model_dump(mode="json", exclude={"run_id", "fired_at", "due_at"}) == {
        "task_id": task["id"], "task_name": task["task_name"], "trigger": "schedule", "attempt": 1, "max_attempts": 3,
        "cases": [{"case_id": 22, "min_revision": 4}, {"case_id": 20, "min_revision": 1}], "parallel": 1,
        "max_parallel": 20, "environments": [{"project_id": 7, "environment_id": 5}], "failed_stop": True,
        "only_failed_log": False, "owner_ids": [EVE, BOB], "notify": "on_change", "previous_status": None,
        "requested_by": None,
    }  # fmt: skip
    assert due.due_at.strftime("%Y-%m-%dT%H:%M:%SZ") == task["scheduled_time_utc"]
    assert due.fired_at >= due.due_at
    assert await outcome(scheduler, task["id"]) == ("running", None, 0)


async def test_nothing_fires_before_its_time_or_twice(scheduler: Scheduler) -> None:
    await scheduler.save()
    assert (await scheduler.tick())["fired"] == 0
    await scheduler.move_clock(HOUR)
    assert (await scheduler.tick())["fired"] == 1
    assert (await scheduler.tick())["fired"] == 0


@pytest.mark.parametrize(
    ("ended", "status"), [("passed", "completed"), ("failed", "failed"), ("error", "failed"), ("cancelled", "failed")]
)
async def test_a_task_that_is_due_once_ends_as_its_run_does(scheduler: Scheduler, ended: str, status: str) -> None:
    task = await scheduler.save()
    await scheduler.move_clock(HOUR)
    await scheduler.tick()
    [due] = await scheduler.due()

    await scheduler.state(started(due), completed(due, ended))

    assert await outcome(scheduler, task["id"]) == (status, ended, 1)
    [occurrence] = await scheduler.ledger(task["id"])
    assert occurrence["outcome"] == ended
    assert [firing["run_id"] for firing in occurrence["firings"]] == [str(due.run_id)]
    assert (await scheduler.task(task["id"]))["last_run"]["run_id"] == str(due.run_id)


async def test_events_out_of_order_or_again_change_nothing(scheduler: Scheduler) -> None:
    task = await scheduler.save()
    await scheduler.move_clock(HOUR)
    await scheduler.tick()
    [due] = await scheduler.due()

    await scheduler.state(completed(due), started(due), completed(due, "failed"))

    assert await outcome(scheduler, task["id"]) == ("completed", "passed", 1)


async def test_a_run_that_is_not_ours_is_ignored(scheduler: Scheduler) -> None:
    task = await scheduler.save()
    await scheduler.move_clock(HOUR)
    await scheduler.tick()
    [due] = await scheduler.due()
    other = due.model_copy(update={"run_id": enveloped(due).id})

    await scheduler.state(started(other), completed(other))

    assert await outcome(scheduler, task["id"]) == ("running", None, 0)


async def test_a_run_that_did_not_pass_is_tried_again_after_the_delay(scheduler: Scheduler) -> None:
    task = await scheduler.save(max_retries=2, retry_delay_seconds=60)
    await scheduler.move_clock(HOUR)
    await scheduler.tick()
    [first] = await scheduler.due()

    await scheduler.state(completed(first, "failed"))
    assert await outcome(scheduler, task["id"]) == ("running", None, 1)
    assert (await scheduler.tick())["retried"] == 0
    await scheduler.move_clock(HOUR + timedelta(seconds=61))
    assert (await scheduler.tick())["retried"] == 1

    [_, second] = await scheduler.due()
    assert (second.trigger, second.attempt, second.max_attempts, second.due_at) == ("retry", 2, 3, first.due_at)
    await scheduler.state(completed(second))
    assert await outcome(scheduler, task["id"]) == ("completed", "passed", 2)
    [occurrence] = await scheduler.ledger(task["id"])
    assert [firing["state"] for firing in occurrence["firings"]] == ["failed", "passed"]


async def test_the_last_attempt_decides(scheduler: Scheduler) -> None:
    task = await scheduler.save(max_retries=1, retry_delay_seconds=0)
    await scheduler.move_clock(HOUR)
    for _ in range(2):
        await scheduler.tick()
        await scheduler.state(completed((await scheduler.due())[-1], "error"))
    assert await outcome(scheduler, task["id"]) == ("failed", "error", 2)
    assert (await scheduler.tick())["retried"] == 0


async def test_a_cancelled_run_is_not_tried_again(scheduler: Scheduler) -> None:
    task = await scheduler.save(max_retries=5)
    await scheduler.move_clock(HOUR)
    await scheduler.tick()
    await scheduler.state(completed((await scheduler.due())[0], "cancelled"))
    assert await outcome(scheduler, task["id"]) == ("failed", "cancelled", 1)


async def test_a_firing_by_hand_leaves_the_schedule_alone(scheduler: Scheduler) -> None:
    task = await scheduler.save(max_retries=3)

    fired = await scheduler.bob.post(f"/scheduler/tasks/{task['id']}/fire")

    assert fired.status_code == 202
    [due] = await scheduler.due()
    assert fired.json()["run_id"] == str(due.run_id)
    assert (due.trigger, due.attempt, due.max_attempts, due.requested_by) == ("manual", 1, 1, BOB)
    await scheduler.state(completed(due, "failed"))
    assert await outcome(scheduler, task["id"]) == ("pending", "failed", 1)
    await scheduler.move_clock(HOUR)
    assert (await scheduler.tick())["fired"] == 1
    scheduled = (await scheduler.due())[-1]
    assert scheduled.previous_status == "failed"
    await scheduler.state(completed(scheduled))
    assert await outcome(scheduler, task["id"]) == ("completed", "passed", 2)
    assert [(found["manual"], found["outcome"]) for found in await scheduler.ledger(task["id"])] == [
        (False, "passed"), (True, "failed"),
    ]  # fmt: skip


async def test_who_may_fire_pause_and_tick(scheduler: Scheduler) -> None:
    task = await scheduler.save()
    path = f"/scheduler/tasks/{task['id']}"

    assert (await scheduler.eve.post(f"{path}/fire")).status_code == 403
    assert (await scheduler.eve.post(f"{path}/pause")).status_code == 403
    assert (await scheduler.bob.post("/scheduler/tick")).status_code == 403
    assert (await scheduler.bob.post("/scheduler/tasks/99999/fire")).json()["code"] == "task_not_found"
    await scheduler.bob.post("/api-data/cancel-scheduled-task", json={"task_id": task["id"]})
    refused = await scheduler.bob.post(f"{path}/fire")
    assert (refused.status_code, refused.json()["code"]) == (409, "task_not_pending")


async def test_a_cancelled_task_never_fires(scheduler: Scheduler) -> None:
    task = await scheduler.save()
    cancelled = await scheduler.bob.post("/api-data/cancel-scheduled-task", json={"task_id": task["id"]})
    assert (cancelled.status_code, cancelled.json()["msg"]) == (200, "定时任务已取消")
    assert cancelled.json()["task"]["status"] == "cancelled"
    await scheduler.move_clock(HOUR)
    assert (await scheduler.tick())["fired"] == 0


async def test_cancelling_is_refused_in_the_order_of_the_contract(scheduler: Scheduler) -> None:
    path = "/api-data/cancel-scheduled-task"
    task = await scheduler.save()
    assert (await scheduler.bob.post(path, json={"x": 1})).json()["code"] == "missing_parameter"
    assert (await scheduler.bob.post(path, json={"task_id": "1"})).json()["code"] == "invalid_parameter"
    assert (await scheduler.bob.post(path, json={"task_id": 10**15, "x": 1})).json()["code"] == "task_not_found"
    assert (await scheduler.eve.post(path, json={"task_id": task["id"], "x": 1})).status_code == 403
    unknown = await scheduler.bob.post(path, json={"task_id": task["id"], "x": 1})
    assert [(fault["field"], fault["reason"]) for fault in unknown.json()["errors"]] == [("x", "unknown_field")]
    await scheduler.move_clock(HOUR)
    await scheduler.tick()
    late = await scheduler.bob.post(path, json={"task_id": task["id"], "x": 1})
    assert (late.status_code, late.json()["msg"]) == (409, "只能操作待执行(pending)的任务，当前状态：running")


async def test_a_paused_task_waits_and_fires_late_when_resumed(scheduler: Scheduler) -> None:
    task = await scheduler.save()
    path = f"/scheduler/tasks/{task['id']}"
    paused = await scheduler.bob.post(f"{path}/pause")
    assert (paused.json()["paused"], paused.json()["status"]) == (True, "pending")
    await scheduler.move_clock(2 * HOUR)
    assert (await scheduler.tick())["fired"] == 0
    resumed = await scheduler.bob.post(f"{path}/resume")
    assert resumed.json()["paused"] is False
    assert (await scheduler.tick())["fired"] == 1
    [occurrence] = await scheduler.ledger(task["id"])
    assert occurrence["lag_ms"] > 3_590_000


async def test_a_task_with_grace_that_is_too_late_is_missed(scheduler: Scheduler) -> None:
    task = await scheduler.save(misfire_grace_seconds=60)
    await scheduler.move_clock(2 * HOUR)
    did = await scheduler.tick()
    assert (did["fired"], did["missed"]) == (0, 1)
    assert await outcome(scheduler, task["id"]) == ("failed", None, 0)
    [occurrence] = await scheduler.ledger(task["id"])
    assert (occurrence["outcome"], occurrence["reason"], occurrence["firings"]) == ("missed", "past_grace", [])


async def test_targets_are_resolved_when_the_task_fires(scheduler: Scheduler) -> None:
    await scheduler.state(module(41, 7, MODULE), module(42, 7, 41), case(101, module_id=42), case(102, tags=["smoke"]))
    await scheduler.save(case_ids=[20], targets=[{"module_id": 41}, {"project_id": 7, "tag": "smoke"}])
    await scheduler.state(
        case(103, module_id=41, revision=3), case(104, module_id=41), CaseChanged.of_deleted(104, 2, name="没了"),
    )  # fmt: skip
    await scheduler.move_clock(HOUR)

    await scheduler.tick()

    [due] = await scheduler.due()
    assert [(found.case_id, found.min_revision) for found in due.cases] == [(20, 1), (101, 1), (102, 1), (103, 3)]


async def test_the_loop_sleeps_to_the_due_time_and_an_earlier_save_wakes_it(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_SCHEDULER_MAX_SLEEP_SECONDS", "3000")
    scheduler_settings.cache_clear()
    async with looping():
        times = [await scheduler.time(seconds) for seconds in (4, 3, 3)]
        await asyncio.gather(*(scheduler.save(startTime=time) for time in times))

        async def all_fired() -> bool:
            return len(await scheduler.due()) == 3

        await until(all_fired, 10)
    lags = [(due.fired_at - due.due_at).total_seconds() for due in await scheduler.due()]
    assert max(lags) < 1
    assert min(lags) >= 0


async def test_many_tasks_and_two_loops_make_one_firing_each(scheduler: Scheduler) -> None:
    task = await scheduler.save(startTime=await scheduler.time(3000))
    async with service.database.transaction() as session:
        columns = await session.execute(
            text("SELECT string_agg(column_name, ',') FROM information_schema.columns "
                 "WHERE table_name = 'task' AND table_schema = 'scheduler' AND column_name <> 'id'")
        )  # fmt: skip
        names = columns.scalar_one()
        await session.execute(
            text(f"INSERT INTO task ({names}) SELECT {names} FROM task, generate_series(1, 2999) WHERE task.id = :id"),
            {"id": task["id"]},
        )
    await scheduler.move_clock(HOUR)
    async with looping(count=2):

        async def none_left() -> bool:
            return not await scheduler.rows("SELECT 1 FROM task WHERE status = 'pending'")

        await until(none_left, 30)
    counted = await scheduler.rows("SELECT count(*) AS n, count(DISTINCT task_id) AS tasks FROM firing")
    assert counted == [{"n": 3000, "tasks": 3000}]
    due = await scheduler.due()
    assert len({found.run_id for found in due}) == len({found.task_id for found in due}) == len(due) == 3000
