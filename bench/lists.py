"""The lists that people look at, over HTTP: with 1,000 rows, and with 1,000,000 tasks and 100,000 cases."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from bench.report import Report, percentile
from bench.stack import Stores, log_in, serving, stores
from kit.settings import SERVICES

OWNERS = 10
"""So a user's own list has a tenth of all tasks."""
LISTS: dict[str, tuple[str, Mapping[str, str | int]]] = {
    "own tasks": ("/api-data/scheduled-tasks", {}),
    "own tasks, one status": ("/api-data/scheduled-tasks", {"status": "completed"}),
    "all tasks": ("/scheduler/tasks", {}),
    "all tasks, one status": ("/scheduler/tasks", {"status": "completed"}),
    "tasks of an owner": ("/scheduler/tasks", {"owner_id": 1}),
    "tasks by due time": ("/scheduler/tasks", {"sort": "next_due_at"}),
    "all cases": ("/catalog/cases", {}),
    "cases of a project": ("/catalog/cases", {"project_id": 1}),
    "cases of a module": ("/catalog/cases", {"module_id": 1}),
    "cases by name": ("/catalog/cases", {"project_id": 1, "sort": "name"}),
    "cases found by a part of the name": ("/catalog/cases", {"project_id": 1, "search": "case 777"}),
    "cases with a tag": ("/catalog/cases", {"project_id": 1, "tag": "rare"}),
}
TASKS = """
    WITH made AS (
        INSERT INTO task (task_name, name_generated, case_ids, targets, owner_ids, parallel, max_parallel, environments,
            failed_stop, only_failed_log, notify, scheduled_at, overlap, max_retries, retry_delay_seconds, status,
            paused, open_firings, execution_count, created_at, updated_at, created_by, updated_by)
        SELECT 'task ' || n, false, ARRAY[n % 1000 + 1], '[]', ARRAY[n % {owners} + 1], 0, 10, '{{}}', false, false,
            'always', now() - n * interval '1 minute', 'skip', 0, 0,
            (ARRAY['completed', 'failed', 'cancelled'])[n % 3 + 1], false, 0, 1, now(), now(), n % {owners} + 1, 1
        FROM generate_series(1, {last}) AS n RETURNING id, owner_ids)
    INSERT INTO task_owner SELECT owner_ids[1], id FROM made"""
CASES = """
    WITH named AS (
        SELECT n, 'case ' || n AS name, n % 100 + 1 AS module_id FROM generate_series(1, {last}) AS n
    ), made AS (
        INSERT INTO "case" (project_id, module_id, name, folded_name, grams, tags, step_count, revision, created_at,
            updated_at, created_by_id, updated_by_id)
        SELECT 1, module_id, name, name, ARRAY(
                SELECT DISTINCT substr(name, at, size) FROM generate_series(1, length(name)) AS at,
                    generate_series(1, 2) AS size WHERE at + size - 1 <= length(name)),
            CASE WHEN n % 1000 = 7 THEN ARRAY['rare', 'smoke'] ELSE ARRAY['smoke'] END, 5, 1,
            now() - n * interval '1 second', now() - n * interval '1 second', 1, 1
        FROM named RETURNING id, module_id)
    INSERT INTO case_revision SELECT id, 1, module_id, '{{"steps": []}}', now(), 1 FROM made;
    UPDATE module SET case_count = (SELECT count(*) FROM "case" WHERE module_id = module.id);
    UPDATE project SET case_count = (SELECT count(*) FROM "case")"""


async def measure(report: Report, folder: Path) -> None:
    """Each list's p99 with few rows and with many, each on a server of its own."""
    calls, tasks, cases = (50, 20_000, 5000) if report.quick else (400, 1_000_000, 100_000)
    async with AsyncExitStack() as stack:
        clients = []
        for name, its_tasks, its_cases in (("few", 1000, 1000), ("many", tasks, cases)):
            (folder / name).mkdir()
            parts = await stack.enter_async_context(stores(folder / name, kafka=False))
            _, url = await stack.enter_async_context(serving(parts, "rounds", list(SERVICES)))
            clients.append(await stack.enter_async_context(log_in(url)))
            await _fill(parts, clients[-1], its_tasks, its_cases)
        for name in LISTS:
            few, many = await _p99_ms(clients, name, calls)
            report.at_most(name, many / few, "× of few rows", 1.5, f"{few:.1f} → {many:.1f} ms")


async def _fill(parts: Stores, client: httpx.AsyncClient, tasks: int, cases: int) -> None:
    """Store rows as the services themselves would leave them, kept counts included: project 1 with 100 modules."""
    (await client.post("/catalog/projects", json={"name": "Shop"})).raise_for_status()
    for number in range(100):
        (await client.post("/catalog/projects/1/modules", json={"name": f"module {number}"})).raise_for_status()
    for schema, statement, last in (("scheduler", TASKS, tasks), ("catalog", CASES, cases)):
        async with parts.connection(schema) as connection:
            await connection.execute(statement.format(last=last, owners=OWNERS))
            await connection.execute("VACUUM ANALYZE")


async def _p99_ms(clients: list[httpx.AsyncClient], name: str, calls: int) -> list[float]:
    """Each server's p99, called in turns, so that both suffer alike from what else the machine does."""
    path, params = LISTS[name]
    times: list[list[float]] = [[] for _ in clients]
    for number in range(calls + 20):
        for client, taken in zip(clients, times, strict=True):
            began = time.perf_counter()
            (await client.get(path, params=dict(params))).raise_for_status()
            if number >= 20:
                taken.append((time.perf_counter() - began) * 1000)
    return [percentile(taken, 99) for taken in times]
