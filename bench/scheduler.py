"""The scheduler: bursts, lag, the cost of many stored tasks, the list; beside a bare statement and other schedulers."""

import asyncio
import json
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench import peers
from bench.report import Report, percentile
from bench.stack import Stores, output_of, serving, stores
from services.scheduler import loops, queries
from services.scheduler.db import database
from tests.support.wait import until

ALONE = {"ROUNDS_SCHEDULER_SILENT_SECONDS": "100000"}
"""There is no executor here that could answer for the runs, so none is asked about them."""
PEERS = {
    # name: packages, at how many times of its speed Rounds has to be, the schema that it makes itself
    "pgqueuer": (["pgqueuer[asyncpg]", "aiokafka"], 2),
    "apscheduler": (["apscheduler>=3.11,<4", "sqlalchemy", "psycopg2-binary", "confluent-kafka"], 10),
    "procrastinate": (["procrastinate", "psycopg[binary,pool]", "aiokafka"], 40),
}
REST = "x" * 410
"""Makes the bare statement's events as long as those of Rounds and of the other schedulers: 500 bytes."""
BARE = f"""
    WITH due AS (
        UPDATE bare_task SET status = 'running', next_due_at = NULL
        WHERE id = ANY(ARRAY(SELECT id FROM bare_task WHERE next_due_at <= now() AND NOT paused
                             ORDER BY next_due_at LIMIT 500 FOR UPDATE SKIP LOCKED))
        RETURNING id, scheduled_at
    ), fired AS (
        INSERT INTO bare_firing (task_id, due_at, trigger, attempt, max_attempts, state, run_id, fired_at, heard_at)
        SELECT id, scheduled_at, 'schedule', 1, 1, 'fired', uuidv7(), now(), now() FROM due RETURNING task_id, run_id
    )
    INSERT INTO bare_outbox (event_id, topic, type, key, subscriber, time, value)
    SELECT uuidv7(), 'task.due', 'rounds.task.due.v1', task_id::text, '*', now(),
           convert_to(json_build_object('task_id', task_id, 'run_id', run_id, 'rest', '{REST}')::text, 'UTF8')
    FROM fired
"""


async def measure(report: Report, folder: Path) -> None:
    """Everything, on one PostgreSQL and one Kafka."""
    jobs, rounds = (2000, 3) if report.quick else (10_000, 5)
    stored = 20_000 if report.quick else 1_000_000
    async with stores(folder, kafka=True) as parts:
        one = await _compare(report, parts, jobs, rounds, list(PEERS), lag_seconds=5 if report.quick else 60)
        report.at_most("most frequent query of an idle scheduler", await _idle_queries(parts), "/s", 4)
        idle = await _idle_pass()
        await _seed(parts, stored, owners=10)
        name = f"{stored:,} tasks stored"
        report.at_most(f"{name}: an idle pass", await _idle_pass() / idle, "× of 1,000", 1.25, f"{idle * 1000:.2f} ms")
        async with _schedulers(parts, 1):
            fresh = await _bursts(parts, jobs, rounds)
            report.at_least(f"{name}: a burst of new ones", fresh / one, "× of 1,000", 0.6, f"{fresh:,.0f} tasks/s")
            old = await _bursts(parts, jobs, rounds, scattered=stored)
            report.at_least(f"{name}: a burst of scattered ones", old / one, "× of 1,000", 0.35, f"{old:,.0f} tasks/s")
        times_ms = await _list_ms(100 if report.quick else 1000)
        report.add(f"{name}: list of an owner of {stored // 10:,}", percentile(times_ms, 50), "ms p50")
        report.at_most(f"{name}: list of an owner of {stored // 10:,}", percentile(times_ms, 99), "ms p99", 10)


async def measure_burst(report: Report, folder: Path) -> None:
    """The bursts alone: the bare statement, one scheduler, two, and the fastest of the others."""
    jobs, rounds = (2000, 3) if report.quick else (10_000, 5)
    async with stores(folder, kafka=True) as parts:
        await _compare(report, parts, jobs, rounds, ["pgqueuer"], lag_seconds=0)


async def _compare(
    report: Report, parts: Stores, jobs: int, rounds: int, others: Sequence[str], lag_seconds: int
) -> float:
    """Bursts of one and two schedulers beside what others make; answers the tasks a second of one.

    `lag_seconds`: for how long the lag of single tasks is measured; 0: not at all.
    """
    await _seed(parts, 1000, owners=10)
    bare = report.add("bare claim-and-insert statement", await _bare(parts, jobs, rounds), "tasks/s")
    async with _schedulers(parts, 1):
        await _bursts(parts, jobs, 2)  # a broker that has just started is slow; those who come later find it warm
        one = await _bursts(parts, jobs, rounds)
        report.add("one scheduler, until Kafka acknowledged", one, "tasks/s")
        report.at_least("… of the bare statement", one / bare, "×", 0.45)
        if lag_seconds:
            await _lag(report, parts, lag_seconds)
    async with _schedulers(parts, 2):
        two = await _bursts(parts, jobs, rounds)
        report.add("two schedulers, until Kafka acknowledged", two, "tasks/s")
        report.at_least("… of one", two / one, "×", 1.2)
    for name in others:
        packages, times = PEERS[name]
        try:
            speed = report.add(name, await _peer(parts, name, packages, jobs), "tasks/s", "each job to Kafka")
            report.at_least(f"one scheduler, of {name}", one / speed, "×", times)
        except RuntimeError as error:
            report.leave_out(name, str(error))
    return one


async def _seed(parts: Stores, tasks: int, owners: int, due: str = "NULL::timestamptz") -> None:
    """Store one-off tasks, one owner each; without a due time they are over."""
    async with parts.connection("scheduler") as connection, connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")
        # owners' rows are sound by construction: the check of a million references is not what is measured
        await connection.execute(f"""
            WITH made AS (
                INSERT INTO task (task_name, name_generated, case_ids, targets, owner_ids, parallel, max_parallel,
                    environments, failed_stop, only_failed_log, notify, scheduled_at, overlap, max_retries,
                    retry_delay_seconds, status, next_due_at, paused, open_firings, execution_count, created_at,
                    updated_at, created_by, updated_by)
                SELECT 'task ' || n, false, ARRAY[1], '[]', ARRAY[n % {owners} + 1], 0, 10, '{{}}', false, false,
                    'always', coalesce({due}, now()), 'skip', 0, 0,
                    CASE WHEN {due} IS NULL THEN 'completed' ELSE 'pending' END, {due}, false, 0, 0, now(), now(),
                    n % {owners} + 1, n % {owners} + 1
                FROM generate_series(1, {tasks}) AS n
                RETURNING id, owner_ids)
            INSERT INTO task_owner SELECT owner_ids[1], id, true FROM made""")
    if tasks > 10_000:
        async with parts.connection("scheduler") as connection:
            await connection.execute("VACUUM ANALYZE task")
            await connection.execute("VACUUM ANALYZE task_owner")


async def _bare(parts: Stores, jobs: int, rounds: int) -> float:
    """Tasks a second of the claim alone, on tables made like ours, by one connection."""
    speeds = []
    async with parts.connection("scheduler") as connection:
        for table in ("task", "firing", "outbox"):
            await connection.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING ALL)")
        for _ in range(rounds):
            await connection.execute("TRUNCATE bare_task")
            await connection.execute(f"""
                INSERT INTO bare_task SELECT * FROM task LIMIT 0;
                INSERT INTO bare_task OVERRIDING SYSTEM VALUE
                SELECT (jsonb_populate_record(task, jsonb_build_object(
                    'id', n, 'next_due_at', now(), 'scheduled_at', now(), 'status', 'pending'))).*
                FROM (SELECT task FROM task LIMIT 1) AS one, generate_series(1, {jobs}) AS n;
                ANALYZE bare_task""")
            began = time.perf_counter()
            while await connection.execute(BARE) != "INSERT 0 0":
                pass
            speeds.append(jobs / (time.perf_counter() - began))
        await connection.execute("DROP TABLE bare_task, bare_firing, bare_outbox")
    return statistics.median(speeds)


@asynccontextmanager
async def _schedulers(parts: Stores, count: int) -> AsyncIterator[None]:
    """So many processes of the scheduler, each warm."""
    async with AsyncExitStack() as stack:
        for number in range(count):
            await stack.enter_async_context(serving(parts, f"scheduler-{count}-{number}", ["scheduler"], ALONE))
        await _burst(parts, 500 * count)
        yield


async def _bursts(parts: Stores, jobs: int, rounds: int, scattered: int = 0) -> float:
    return statistics.median([await _burst(parts, jobs, scattered) for _ in range(rounds)])


async def _burst(parts: Stores, jobs: int, scattered: int = 0) -> float:
    """Tasks a second, from the second at which all are due to the last acknowledgement of the broker.

    `scattered`: the tasks are not new, but some of so many that are stored.
    """
    due = "date_trunc('second', now()) + interval '4 seconds'"
    async with parts.connection("scheduler") as connection:
        last = await connection.fetchval("SELECT coalesce(max(id), 0) FROM outbox")
        if scattered:
            ids = random.sample(range(2000, scattered), jobs)
            await connection.execute(
                f"""UPDATE task SET status = 'pending', open_firings = 0, next_due_at = {due}, scheduled_at = {due}
                    WHERE id = ANY($1)""",
                ids,
            )
        else:
            await _seed(parts, jobs, 10, due)
        await _all_acknowledged(parts, last, jobs)
        seconds = await connection.fetchval(
            "SELECT extract(epoch FROM max(published_at) - min(scheduled_at)) FROM outbox, task "
            "WHERE outbox.id > $1 AND task.id = key::integer",
            last,
        )
        return jobs / float(seconds)


async def _all_acknowledged(parts: Stores, after: int, count: int) -> None:
    async with parts.connection("scheduler") as connection:
        done = "SELECT count(*) = $2 FROM outbox WHERE id > $1 AND published_at IS NOT NULL"

        async def acknowledged() -> bool:
            return bool(await connection.fetchval(done, after, count))

        await until(acknowledged, 120, every=0.25)


async def _lag(report: Report, parts: Stores, seconds: int) -> None:
    """Twenty tasks a second, at uneven moments."""
    count = 20 * seconds
    async with parts.connection("scheduler") as connection:
        last = await connection.fetchval("SELECT coalesce(max(id), 0) FROM outbox")
        await _seed(parts, count, 10, "now() + interval '2 seconds' + n * interval '50.37 milliseconds'")
        await _all_acknowledged(parts, last, count)
        lags = await connection.fetch(
            "SELECT extract(epoch FROM published_at - scheduled_at) * 1000 FROM outbox JOIN task "
            "ON task.id = key::integer WHERE outbox.id > $1",
            last,
        )
    lags_ms = [float(lag) for (lag,) in lags]
    report.add("lag to the acknowledgement at 20 tasks/s", percentile(lags_ms, 50), "ms p50")
    report.at_most("lag to the acknowledgement at 20 tasks/s", percentile(lags_ms, 99), "ms p99", 25)


async def _idle_queries(parts: Stores, seconds: float = 20) -> float:
    """How often a second a scheduler that has nothing to do sends the statement that it sends most often."""
    log = parts.postgres.process.log_path
    async with parts.connection("scheduler") as connection:
        await connection.execute("ALTER ROLE scheduler SET log_statement = 'all'")
        async with serving(parts, "idle", ["scheduler"], ALONE):
            await asyncio.sleep(5)
            before = log.stat().st_size
            await asyncio.sleep(seconds)
            sent = re.findall(r"LOG:  (?:statement|execute [^:]+): \s*(.{1,40})", log.read_bytes()[before:].decode())
        await connection.execute("ALTER ROLE scheduler RESET log_statement")
    counts = Counter(statement for statement in sent if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")))
    return counts.most_common(1)[0][1] / seconds


async def _idle_pass(passes: int = 500) -> float:
    """Seconds of one pass of the loop that finds nothing due."""
    database.open()
    try:
        times = []
        for _ in range(passes):
            began = time.perf_counter()
            await loops.fire_due_tasks()
            times.append(time.perf_counter() - began)
    finally:
        await database.close()
    return statistics.median(times)


async def _list_ms(calls: int) -> list[float]:
    """The page and the total that a user's list of tasks is made of."""
    database.open()
    times = []
    try:
        for number in range(calls + 20):
            began = time.perf_counter()
            async with database.transaction() as session:
                total, page = await queries.list_tasks(
                    session, queries.TaskFilter(seen_by=number % 10 + 1), offset=0, limit=20
                )
            if number >= 20:
                times.append((time.perf_counter() - began) * 1000)
            if total < 1000 or not page:
                raise AssertionError(total)
    finally:
        await database.close()
    return times


async def _peer(parts: Stores, name: str, packages: list[str], jobs: int) -> float:
    """Jobs a second of another scheduler, in a database and a process of its own, at the median of three.

    The job is ours: it is recorded as done, and its event is on Kafka.

    Raises: RuntimeError when it cannot be had or fails.
    """
    python = await peers.python_with(f"scheduler-{name}-kafka", *packages) / "python"
    speeds = []
    for number in range(3):
        own = f"peer_{name}_{number}"
        await parts.postgres.execute(f'CREATE DATABASE "{own}"')
        command = [
            str(python),
            str(Path(__file__).parent / "scheduler_peers" / f"on_{name}.py"),
            parts.postgres.url(own),
            str(jobs),
            parts.broker.bootstrap if parts.broker else "",
        ]
        speeds.append(float(json.loads((await output_of(command, parts.folder, 300)).splitlines()[-1])))
    return statistics.median(speeds)
