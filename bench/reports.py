"""Reports over HTTP, with 10,000 step results and with 10,000,000; and how soon a run's end is mailed."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx

from bench.report import Report, percentile
from bench.stack import Stores, log_in, serving, stores
from kit.settings import SERVICES
from tests.support.smtp import SmtpServer, smtp_server
from tests.support.wait import until

DAYS = 30
"""Over which the history is spread, as long as steps are kept by default."""
STEPS, CASES, RUNS_OF_TASK = 10, 5, 200
"""Of each case, of each run, of each task; so 10,000 steps are one task, and 10,000,000 are 1,000 of them."""
TASKS_OF_PROJECT = 50
PARTITIONS = """
    DO $$ DECLARE day timestamptz; first text; last text; name text; BEGIN
        FOR number IN 0..{days} LOOP
            day := date_trunc('day', now() - number * interval '1 day', 'UTC');
            first := pg_temp.uuid_at(day, 0); last := pg_temp.uuid_at(day + interval '1 day', 0);
            FOREACH name IN ARRAY ARRAY['run', 'case_run', 'case_definition', 'step_result'] LOOP
                IF to_regclass(name || '_p' || to_char(day, 'YYYYMMDD')) IS NULL THEN
                    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                        name || '_p' || to_char(day, 'YYYYMMDD'), name, first, last);
                END IF;
            END LOOP;
        END LOOP;
    END $$"""
UUID_AT = """
    CREATE FUNCTION pg_temp.uuid_at(at timestamptz, number integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
            || CASE number WHEN 0 THEN '0000' ELSE '7000' END || lpad(to_hex(number), 16, '0'))::uuid $$"""
RUNS = """
    CREATE TEMPORARY TABLE made AS
        SELECT n, n % {tasks} + 1 AS task_id, (n % {tasks}) / {tasks_of_project} + 1 AS project_id, at,
            pg_temp.uuid_at(at, n) AS run_id, n % 10 = 0 AS red
        FROM (SELECT n, now() - interval '5 minutes' - n * (interval '{days} days' - interval '1 hour') / {runs} AS at
              FROM generate_series({runs}, 1, -1) AS n);
    INSERT INTO run (run_id, status, trigger, task_id, task_name, attempt, max_attempts, parallel, max_parallel,
            failed_stop, only_failed_log, environments, project_ids, owner_ids, notify, due_at, fired_at, created_at,
            started_at, finished_at, cases_total, cases_done, cases_passed, cases_failed, steps_passed, steps_failed)
        SELECT run_id, CASE WHEN red THEN 'failed' ELSE 'passed' END, 'schedule', task_id, 'task ' || task_id, 1, 1, 0,
            20, true, false, '{{}}', ARRAY[project_id], ARRAY[task_id % 10 + 1], 'always', at, at, at, at,
            at + (1000 + n % 997) * interval '1 ms', {cases}, {cases}, {cases} - red::integer, red::integer,
            {cases} * {steps} - red::integer, red::integer
        FROM made;
    INSERT INTO case_run (run_id, position, data_row, case_id, project_id, min_revision, revision, name, status,
            failure_class, flaky, starts, started_at, finished_at, duration_ms, steps_total, steps_passed, steps_failed,
            pass_rate)
        SELECT run_id, position, -1, task_id * {cases} + position, project_id, 1, 1, 'case ' || position,
            CASE WHEN broken THEN 'failed' ELSE 'passed' END, CASE WHEN broken THEN 'assertion' END, n % 50 = 0, 1, at,
            at + (1000 + n % 997) * interval '1 ms', 1000 + n % 997, {steps}, {steps} - broken::integer,
            broken::integer, 100
        FROM (SELECT *, red AND position = 0 AS broken FROM made, generate_series(0, {cases} - 1) AS position);
    INSERT INTO case_definition
        SELECT run_id, position, 1, '{{"name": "case", "steps": []}}', '{{}}'
        FROM made, generate_series(0, {cases} - 1) AS position"""
STEP_RESULTS = """
    INSERT INTO step_result (run_id, position, data_row, start_no, seq, case_try, path, name, type, phase, status,
            failure_class, tries, flaky, started_at, duration_ms, log_dropped, detail)
        SELECT run_id, position, -1, 1, seq, 1, seq::text, 'step', 'request', 'main',
            CASE WHEN broken THEN 'failed' ELSE 'passed' END, CASE WHEN broken THEN 'assertion' END, 1, false, at, 100,
            false, convert_to('{{"request": {{"method": "GET", "url": "https://qa.example.test/orders/' || n
                || '", "headers": [["Accept", "*/*"]], "body": "", "body_bytes": 0, "truncated": false, "masked": []}},'
                || ' "response": {{"status": ' || CASE WHEN broken THEN 500 ELSE 200 END || ', "http_version": "1.1",'
                || ' "ip": null, "headers": [["Content-Type", "application/json"]], "body": "{{\\"n\\": ' || n
                || '}}", "body_bytes": 9, "truncated": false}}, "asserts": [], "captures": []}}', 'UTF8')
        FROM (SELECT *, red AND position = 0 AND seq = {steps} AS broken
              FROM made, generate_series(0, {cases} - 1) AS position, generate_series(1, {steps}) AS seq
              WHERE n > {first} AND n <= {last})"""
LAST_RESULTS = """
    INSERT INTO last_result SELECT DISTINCT ON (case_id) case_id, 0, -1, run_id, status, failure_class, pass_rate,
        duration_ms, finished_at FROM case_run ORDER BY case_id, run_id DESC"""
RUNS_AT_ONCE = 20_000
WARM = 60
"""Calls before those that count: each of the five connections plans a statement six times before it keeps the plan."""
CALLS: dict[str, tuple[str, Mapping[str, str | int]]] = {
    "report of a run": ("/runs/{red}", {}),
    "report of a case": ("/runs/{red}/cases/{case}", {}),
    "differences from the last green run": ("/runs/{red}/cases/{case}/diff", {}),
    "last results": ("/runs/last", {"case_ids": "5,6,7,8,9"}),
    "all runs": ("/runs", {}),
    "all runs, a page in the middle": ("/runs", {"cursor": "{middle}"}),
    "runs of a task": ("/runs", {"task_id": 1}),
    "runs of a case": ("/runs", {"case_id": 5}),
    "runs of a project": ("/runs", {"project_id": 1}),
    "own runs": ("/runs", {"owner": "me"}),
    "failed runs": ("/runs", {"status": "failed"}),
    "cancelled runs, of which there are none": ("/runs", {"status": "cancelled"}),
    "runs by hand, of which there are none": ("/runs", {"trigger": "api"}),
    "trend of a case": ("/runs/trends", {"case_id": 5}),
    "trend of a task": ("/runs/trends", {"task_id": 1}),
    "trend of a project": ("/runs/trends", {"project_id": 1}),
}


async def measure(report: Report, folder: Path) -> None:
    """Each call's p99 with few rows and with many, each on a server of its own; then mail on an idle system."""
    calls, many = (50, 20_000) if report.quick else (400, 10_000_000)
    async with AsyncExitStack() as stack:
        clients, ids = [], []
        for name, its_steps in (("few", 10_000), ("many", many)):
            (folder / name).mkdir()
            parts = await stack.enter_async_context(stores(folder / name, kafka=False))
            _, url = await stack.enter_async_context(serving(parts, "rounds", list(SERVICES)))
            clients.append(await stack.enter_async_context(log_in(url)))
            began = time.perf_counter()
            ids.append(await _fill(parts, its_steps))
            report.add(f"{its_steps:,} step results, stored", time.perf_counter() - began, "s")
            await until(partial(_summed, parts), 600, every=1)
        for name in CALLS:
            few, much = await _p99_ms(clients, ids, name, calls)
            report.at_most(name, much / few, "× of few rows", 1.5, f"{few:.1f} → {much:.1f} ms")
    await _mail(report, folder)


async def _fill(parts: Stores, steps: int) -> dict[str, str | int]:
    """Store a history as runs leave it, ended long ago; answers the ids that the calls need."""
    runs = steps // (CASES * STEPS)
    numbers = {
        "days": DAYS,
        "runs": runs,
        "tasks": max(runs // RUNS_OF_TASK, 1),
        "cases": CASES,
        "steps": STEPS,
        "tasks_of_project": TASKS_OF_PROJECT,
    }
    async with parts.connection("executor") as connection:
        await connection.execute(UUID_AT)
        await connection.execute(PARTITIONS.format(**numbers))
        await connection.execute(RUNS.format(**numbers))
        for first in reversed(range(0, runs, RUNS_AT_ONCE)):  # from the oldest on, as time goes
            await connection.execute(STEP_RESULTS.format(**numbers, first=first, last=first + RUNS_AT_ONCE))
        await connection.execute(LAST_RESULTS)
        await connection.execute("VACUUM ANALYZE")
        red = await connection.fetchrow("SELECT run_id, task_id FROM made WHERE red ORDER BY n LIMIT 1")
        middle = await connection.fetchval("SELECT run_id FROM made WHERE n = $1", runs // 2)
    assert red is not None  # noqa: S101 (each tenth run is)
    return {"red": str(red["run_id"]), "case": red["task_id"] * CASES, "middle": str(middle)}


async def _summed(parts: Stores) -> bool:
    """Whether the executor has summed every day of the history that is over, as it has long since in daily use."""
    async with parts.connection("executor") as connection:
        query = "SELECT max(day) >= current_date - 1 FROM trend_day WHERE kind = 'summed'"
        return bool(await connection.fetchval(query))


async def _p99_ms(
    clients: list[httpx.AsyncClient], ids: list[dict[str, str | int]], name: str, calls: int
) -> list[float]:
    """Each server's p99, called in turns, so that both suffer alike from what else the machine does."""
    path, params = CALLS[name]
    times: list[list[float]] = [[] for _ in clients]
    for number in range(calls + WARM):
        for client, own, taken in zip(clients, ids, times, strict=True):
            query = {key: str(value).format(**own) for key, value in params.items()}
            began = time.perf_counter()
            (await client.get(path.format(**own), params=query)).raise_for_status()
            if number >= WARM:
                taken.append((time.perf_counter() - began) * 1000)
    return [percentile(taken, 99) for taken in times]


async def _mail(report: Report, folder: Path) -> None:
    """From the end of a task's run, by the database's clock, to the mail server's acceptance; nothing else goes on."""
    (folder / "mail").mkdir()
    async with AsyncExitStack() as stack:
        smtp = await stack.enter_async_context(smtp_server())
        parts = await stack.enter_async_context(stores(folder / "mail", kafka=True))
        env = {"ROUNDS_SMTP_URL": smtp.url}
        _, url = await stack.enter_async_context(serving(parts, "rounds", list(SERVICES), env))
        client = await stack.enter_async_context(log_in(url))
        task_id = await _task(client)
        taken = []
        for number in range(5 if report.quick else 100):
            answer = await client.post(f"/scheduler/tasks/{task_id}/fire")
            accepted_at = await _accepted(smtp, number)
            run = (await client.get(f"/runs/{answer.raise_for_status().json()['run_id']}")).raise_for_status().json()
            taken.append((accepted_at - datetime.fromisoformat(run["finished_at"])).total_seconds() * 1000)
        report.add("end of a run → mail accepted, p50", percentile(taken, 50), "ms")
        report.at_most("end of a run → mail accepted, p99", percentile(taken, 99), "ms", 500)


async def _accepted(smtp: SmtpServer, number: int) -> datetime:
    await until(lambda: len(smtp.mails) > number, 60, every=0.002)
    return datetime.now(UTC)


async def _task(client: httpx.AsyncClient) -> int:
    """A task of one case that does nothing, whose owner wants every mail."""
    edited = {"id": 1, "email": "admin@example.test"}
    (await client.patch("/user/user-view", json=edited)).raise_for_status()
    (await client.post("/catalog/projects", json={"name": "Shop"})).raise_for_status()
    (await client.post("/catalog/projects/1/modules", json={"name": "all"})).raise_for_status()
    step = {"name": "nothing", "type": "set", "variables": {"n": 1}}
    document = {"apiVersion": "rounds/v1", "kind": "Case", "name": "nothing", "steps": [step]}
    (await client.post("/catalog/modules/1/cases", json={"document": document})).raise_for_status()
    start = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    body = {"case_ids": [1], "parallel": 0, "owner_ids": [1], "startTime": start}
    made = await _until_known(client, body)
    return int(made.json()["task_id"])


async def _until_known(client: httpx.AsyncClient, body: dict[str, object]) -> httpx.Response:
    """Save a task; its case may be on its way to the scheduler still."""

    async def saved() -> httpx.Response | None:
        answer = await client.post("/api-data/schedule-api-cases", json=body)
        return answer if answer.is_success else None

    found = await until(saved, 30)
    assert found is not None  # noqa: S101 (else `until` raises)
    return found
