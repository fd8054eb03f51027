"""Callers, loops and processes at the same moment: exactly one of them wins."""

import asyncio
import itertools
import random
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from kit import clock
from services.scheduler.loops import fire_due_tasks
from services.scheduler.main import service
from services.scheduler.usecases import firing
from tests.scheduler.conftest import BOB, Scheduler

HOUR = timedelta(hours=1)
RACES = 200
CANCEL, SAVE = "/api-data/cancel-scheduled-task", "/api-data/schedule-api-cases"


async def copies(scheduler: Scheduler, task: dict[str, Any], count: int) -> list[int]:
    """Store copies of a task; answers their ids."""
    columns = """task_name, name_generated, case_ids, targets, owner_ids, project_ids, parallel, max_parallel,
        environments, failed_stop, only_failed_log, notify, scheduled_at, cron, timezone, until, overlap,
        misfire_grace_seconds, max_retries, retry_delay_seconds, status, next_due_at, paused, open_firings,
        execution_count, created_at, updated_at, created_by, updated_by"""
    async with service.database.transaction() as session:
        made = await session.execute(
            text(f"INSERT INTO task ({columns}) SELECT {columns} FROM task, generate_series(1, :n) WHERE id = :id "
                 "RETURNING id"), {"n": count, "id": task["id"]},
        )  # fmt: skip
        return list(made.scalars())


async def fire() -> None:
    async with service.database.transaction() as session:
        await firing.fire_due(session)


async def test_a_loop_waits_a_moment_for_a_due_task_that_another_holds(scheduler: Scheduler) -> None:
    task = await scheduler.save()
    await scheduler.move_clock(HOUR)

    async with service.database.transaction() as session:
        await session.execute(text("SELECT 1 FROM task WHERE id = :id FOR UPDATE"), {"id": task["id"]})
        assert 0 < await fire_due_tasks() < 1
    await fire_due_tasks()

    assert (await scheduler.task(task["id"]))["status"] == "running"


async def test_of_cancel_and_fire_exactly_one_wins(scheduler: Scheduler) -> None:
    tasks = await copies(scheduler, await scheduler.save(), RACES)
    cancelled: set[int] = set()
    refused: set[int] = set()
    for some in (tasks[start : start + 20] for start in range(0, RACES, 20)):
        async with service.database.transaction() as session:
            due = text("UPDATE task SET next_due_at = clock_now(), scheduled_at = clock_now() WHERE id = ANY(:ids)")
            await session.execute(due, {"ids": some})
        cancels = [scheduler.bob.post(CANCEL, json={"task_id": id_}) for id_ in some]
        answers = await asyncio.gather(*cancels[:10], _soon(fire()), *cancels[10:], _soon(fire()))
        await fire()
        for id_, answer in zip(some, [found for found in answers if found is not None], strict=True):
            assert answer.status_code in {200, 409}
            (cancelled if answer.status_code == 200 else refused).add(id_)
            assert answer.status_code == 200 or answer.json()["msg"].endswith("running")
    fired = {row["task_id"] for row in await scheduler.rows("SELECT task_id FROM firing")}
    assert fired == refused
    assert cancelled | refused == set(tasks)
    assert cancelled, "nothing was cancelled before it fired, so nothing raced"
    assert refused, "nothing fired before it was cancelled, so nothing raced"


async def _soon(work: Awaitable[None]) -> None:
    """Do it after a random number of turns of the event loop."""
    for _ in range(random.randrange(200)):
        await asyncio.sleep(0)
    await work


async def test_an_update_and_a_cancellation_are_never_both_refused(scheduler: Scheduler) -> None:
    tasks = await copies(scheduler, await scheduler.save(), RACES)
    body = {"case_ids": [20], "parallel": 1, "owner_ids": [BOB], "startTime": "2099-08-26T15:00:00"}
    outcomes = set()
    for some in (tasks[start : start + 20] for start in range(0, RACES, 20)):
        cancels = [scheduler.bob.post(CANCEL, json={"task_id": id_}) for id_ in some]
        updates = [scheduler.bob.post(SAVE, json={"task_id": id_, **body}) for id_ in some]
        pairs = [pair for both in zip(updates, cancels, strict=True) for pair in both]
        answers = await asyncio.gather(*pairs)
        for update, cancel in zip(answers[::2], answers[1::2], strict=True):
            assert cancel.status_code == 200
            assert update.status_code in {200, 409}
            outcomes.add(update.status_code)
            if update.status_code == 409:
                assert update.json()["msg"].endswith("cancelled")
    rows = await scheduler.rows("SELECT status, next_due_at FROM task WHERE id = ANY(:ids)", ids=tasks)
    assert {(row["status"], row["next_due_at"]) for row in rows} == {("cancelled", None)}
    assert outcomes == {200, 409}, "nothing raced"


async def test_two_requests_with_one_idempotency_key_make_one_task(scheduler: Scheduler) -> None:
    body = {"case_ids": [22], "parallel": 0, "owner_ids": [BOB], "startTime": "2099-08-26T15:00:00"}
    for number in range(20):
        headers = {"Idempotency-Key": f"key-{number}"}
        answers = await asyncio.gather(*(scheduler.bob.post(SAVE, json=body, headers=headers) for _ in range(3)))
        assert len({answer.json()["task_id"] for answer in answers}) == 1, [answer.text for answer in answers]


async def test_a_pass_that_dies_before_its_commit_leaves_everything_due(scheduler: Scheduler) -> None:
    await copies(scheduler, await scheduler.save(), 20)
    await scheduler.move_clock(HOUR)
    connection = await service.database.connect()
    async with service.database.transaction() as session:
        await firing.fire_due(session)
        pid = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await connection.execute("SELECT pg_terminate_backend($1)", pid)
        await session.invalidate()
    await connection.close()
    assert await scheduler.due() == []

    assert (await scheduler.tick())["fired"] == 21
    assert len(await scheduler.due()) == 21


async def test_a_step_of_the_clock_while_loops_run_doubles_nothing(scheduler: Scheduler) -> None:
    task = await scheduler.save(cron="* * * * *", startTime=await scheduler.time(60))
    await copies(scheduler, task, 9)
    for offset in (HOUR, timedelta(0), 2 * HOUR, HOUR, timedelta(0), 2 * HOUR + timedelta(minutes=1)):
        async with service.database.transaction() as session:
            await clock.move(session, offset)
        await asyncio.gather(*(fire() for _ in range(3)))
    ledger = await scheduler.rows(
        "SELECT task_id, due_at, missed_from, missed_count, state FROM firing ORDER BY task_id, due_at"
    )
    assert len({row["task_id"] for row in ledger}) == 10
    spans: dict[int, list[Any]] = {}
    for row in ledger:
        spans.setdefault(row["task_id"], []).append((row["missed_from"] or row["due_at"], row["due_at"]))
    for found in spans.values():  # each minute is told of once, and none is left out
        assert all(start - end == timedelta(minutes=1) for (_, end), (start, _) in itertools.pairwise(found)), found
