"""Hot queries find their rows by index, however many tasks are stored."""

import re
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event, text

from services.scheduler.main import service
from services.scheduler.usecases import ending, firing
from tests.scheduler.conftest import BOB, Scheduler
from tests.scheduler.test_races import copies

STORED = 30_000


@pytest.fixture
async def statements(scheduler: Scheduler) -> AsyncIterator[list[str]]:
    """What is sent to the database from now on, with many tasks and firings stored."""
    task = await scheduler.save()
    ids = await copies(scheduler, task, STORED)
    async with service.database.transaction() as session:
        owners = "INSERT INTO task_owner SELECT 5000 + id % 1000, id, true FROM task WHERE id = ANY(:ids)"
        firings = """
            INSERT INTO firing (task_id, due_at, trigger, attempt, max_attempts, state, run_id, fired_at, heard_at)
            SELECT id, scheduled_at - interval '1 day' * n, 'schedule', 1, 1, 'passed', uuidv7(), now(), now()
            FROM task, generate_series(1, 2) AS n WHERE id = ANY(:ids)"""
        await session.execute(text(owners), {"ids": ids})
        await session.execute(text(firings), {"ids": ids})
        await session.execute(text("ANALYZE task, firing, task_owner"))
    sent: list[str] = []
    engine = service.database.engine.sync_engine
    listener = lambda *found: sent.append(found[2])  # noqa: E731 (it is removed again)
    event.listen(engine, "before_cursor_execute", listener)
    yield sent
    event.remove(engine, "before_cursor_execute", listener)


async def scans(statements: list[str]) -> list[str]:
    """Lines of the statements' general plans that read a whole table which grows."""
    connection = await service.database.connect()
    found = []
    for statement in dict.fromkeys(statements):
        parameters = max((int(number) for number in re.findall(r"\$(\d+)", statement)), default=0)
        plan = await connection.fetch(f"EXPLAIN (GENERIC_PLAN) {statement}", *[None] * parameters)
        found += [
            line
            for (line,) in plan
            if any(f"Seq Scan on {table}" in line for table in ("task", "firing", "task_owner", "outbox"))
        ]
    await connection.close()
    return found


async def test_a_pass_of_the_scheduler_scans_no_table(scheduler: Scheduler, statements: list[str]) -> None:
    async with service.database.transaction() as session:
        one = "(SELECT run_id FROM firing LIMIT 1)"
        await session.execute(text(f"UPDATE firing SET state = 'waiting', fire_at = now() WHERE run_id = {one}"))
    statements.clear()
    async with service.database.transaction() as session:
        assert (await firing.fire_due(session)).retried == 1
        await firing.next_due(session)
        await ending.silent_firings(session)
    assert len(statements) == 5
    assert await scans(statements) == []
    assert scheduler.sources.asked == []


async def test_the_end_of_a_run_scans_no_table(scheduler: Scheduler, statements: list[str]) -> None:
    async with service.database.transaction() as session:
        run_id = (await session.execute(text("SELECT run_id FROM firing LIMIT 1"))).scalar_one()
        await session.execute(text("UPDATE firing SET state = 'fired' WHERE run_id = :id"), {"id": run_id})
        await session.execute(text("UPDATE task SET status = 'running', next_due_at = NULL, open_firings = 1"))
    statements.clear()
    async with service.database.transaction() as session:
        await ending.run_lost(session, run_id)
    assert any("UPDATE firing" in statement for statement in statements)
    assert await scans(statements) == []
    assert scheduler.sources.asked == []


async def test_the_list_of_an_owner_scans_no_table(scheduler: Scheduler, statements: list[str]) -> None:
    for path in (
        "/api-data/scheduled-tasks",
        "/api-data/scheduled-tasks?status=pending",
        f"/scheduler/tasks?owner_id={BOB}",
    ):
        assert (await scheduler.bob.get(path)).status_code == 200
    [task] = (await scheduler.bob.get("/api-data/scheduled-tasks")).json()["data"]
    assert (await scheduler.bob.get(f"/scheduler/tasks/{task['id']}/occurrences")).status_code == 200
    assert (
        await scans([statement for statement in statements if "FROM task" in statement or "firing" in statement]) == []
    )
