"""The lists that people look at, over HTTP: with 1,000 rows, and with 1,000,000 tasks and 100,000 cases."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from bench.report import Report, percentile
from bench.stack import Stores, log_in, serving, stores
from kit.settings import SERVICES

OWNERS = 10
"""So an owner has a tenth of all tasks."""
OWNER = "/api-data/scheduled-tasks/"
"""Asked by an owner; without the slash by a superuser, who sees all."""
LISTS: dict[str, tuple[str, Mapping[str, str | int]]] = {
    "own tasks": (OWNER, {}),
    "own tasks, one status": (OWNER, {"status": "completed"}),
    "own tasks, a status that few have": (OWNER, {"status": "pending"}),
    "own tasks, as a superuser": ("/api-data/scheduled-tasks", {}),
    "all tasks": ("/scheduler/tasks", {}),
    "all tasks, one status": ("/scheduler/tasks", {"status": "completed"}),
    "tasks of an owner": ("/scheduler/tasks", {"owner_id": 2}),
    "tasks of a project": ("/scheduler/tasks", {"project_id": 1}),
    "tasks of a project, one status": ("/scheduler/tasks", {"project_id": 1, "status": "failed"}),
    "tasks by due time": ("/scheduler/tasks", {"sort": "next_due_at"}),
    "tasks of an owner by due time": ("/scheduler/tasks", {"sort": "next_due_at", "owner_id": 2}),
    "tasks by name": ("/scheduler/tasks", {"sort": "name"}),
    "tasks by their last change": ("/scheduler/tasks", {"sort": "-updated_at"}),
    "tasks found by a part of the name": ("/scheduler/tasks", {"search": "task 777"}),
    "tasks found by what all names have": ("/scheduler/tasks", {"search": "task"}),
    "all cases": ("/catalog/cases", {}),
    "cases of a project": ("/catalog/cases", {"project_id": 1}),
    "cases of a module": ("/catalog/cases", {"module_id": 1}),
    "cases by name": ("/catalog/cases", {"project_id": 1, "sort": "name"}),
    "cases found by a part of the name": ("/catalog/cases", {"project_id": 1, "search": "case 777"}),
    "cases found by what all names have": ("/catalog/cases", {"project_id": 1, "search": "case"}),
    "cases with a tag": ("/catalog/cases", {"project_id": 1, "tag": "rare"}),
    "cases with a tag that all have": ("/catalog/cases", {"project_id": 1, "tag": "smoke"}),
}
GRAMS = """ARRAY(SELECT DISTINCT substr(name, at, size) FROM generate_series(1, length(name)) AS at,
    generate_series(1, 3) AS size WHERE at + size - 1 <= length(name))"""
TASKS = """
    WITH made AS (
        INSERT INTO task (task_name, name_generated, case_ids, targets, owner_ids, project_ids, parallel, max_parallel,
            environments, failed_stop, only_failed_log, notify, scheduled_at, overlap, max_retries,
            retry_delay_seconds, status, next_due_at, paused, open_firings, execution_count, created_at, updated_at,
            created_by, updated_by)
        SELECT 'task ' || n, false, ARRAY[n % 1000 + 1], '[]', ARRAY[n % {owners} + 1], ARRAY[1], 0, 10, '{{}}',
            false, false, 'always', now() - n * interval '1 minute', 'skip', 0, 0,
            CASE WHEN n % 500 = 1 THEN 'pending' ELSE (ARRAY['completed', 'failed', 'cancelled'])[n % 3 + 1] END,
            CASE WHEN n % 500 = 1 THEN now() + interval '1 day' + n * interval '1 second' END,
            false, 0, 1, now(), now() - n * interval '1 second', n % {owners} + 1, 1
        FROM generate_series(1, {last}) AS n RETURNING id, task_name AS name, owner_ids, updated_at
    ), owned AS (INSERT INTO task_owner SELECT owner_ids[1], id, true FROM made
    ), of_project AS (INSERT INTO task_project SELECT 1, id FROM made)
    INSERT INTO task_listing SELECT id, name, name, {grams}, updated_at FROM made"""
CASES = """
    WITH named AS (
        SELECT n, 'case ' || n AS name, n % 100 + 1 AS module_id FROM generate_series(1, {last}) AS n
    ), made AS (
        INSERT INTO "case" (project_id, module_id, name, folded_name, grams, tags, step_count, revision, created_at,
            updated_at, created_by_id, updated_by_id)
        SELECT 1, module_id, name, name, {grams},
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
        clients, owners = [], []
        for name, its_tasks, its_cases in (("few", 1000, 1000), ("many", tasks, cases)):
            (folder / name).mkdir()
            parts = await stack.enter_async_context(stores(folder / name, kafka=False))
            _, url = await stack.enter_async_context(serving(parts, "rounds", list(SERVICES)))
            clients.append(await stack.enter_async_context(log_in(url)))
            owners.append(await stack.enter_async_context(_owner(clients[-1])))
            await _fill(parts, clients[-1], its_tasks, its_cases)
        for name in LISTS:
            few, many = await _p99_ms(owners if LISTS[name][0] == OWNER else clients, name, calls)
            report.at_most(name, many / few, "× of few rows", 1.5, f"{few:.1f} → {many:.1f} ms")


@asynccontextmanager
async def _owner(admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client of user 2, who is no superuser."""
    user = {"username": "owner", "real_name": "Owner", "email": "owner@example.test", "password": "an-owner's-own-1"}
    (await admin.post("/user/user-view", json=user | {"is_superuser": False})).raise_for_status()
    async with log_in(str(admin.base_url), user["username"], user["password"]) as client:
        yield client


async def _fill(parts: Stores, client: httpx.AsyncClient, tasks: int, cases: int) -> None:
    """Store rows as the services themselves would leave them, kept counts included: project 1 with 100 modules."""
    (await client.post("/catalog/projects", json={"name": "Shop"})).raise_for_status()
    for number in range(100):
        (await client.post("/catalog/projects/1/modules", json={"name": f"module {number}"})).raise_for_status()
    for schema, statement, last in (("scheduler", TASKS, tasks), ("catalog", CASES, cases)):
        async with parts.connection(schema) as connection:
            await connection.execute(statement.format(last=last, owners=OWNERS, grams=GRAMS))
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
