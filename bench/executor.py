"""The executor: steps a second through a whole Rounds, beside its own HTTP client alone and beside other tools."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import httpx

from bench.executor_peers import PEERS, STEPS, rounds_case, steps_per_second
from bench.report import Report, percentile
from bench.stack import Stores, log_in, nginx, serving, stores
from deploy.kafka.broker import free_port
from kit.egress import Egress
from services.executor.clients.http import HttpClient
from services.executor.clients.wire import Call, wire_url
from tests.flows.story import ok
from tests.support.processes import Process
from tests.support.wait import until

OTHERS = ["auth", "catalog", "scheduler", "notifier"]
IN_THE_AIR = 20
ADMIN_ID = 1
EGRESS = Egress.of(["127.0.0.0/8"], [], [])


@dataclass
class Parts:
    """A Rounds with one executor of its own, and cases in it."""

    stores: Stores
    client: httpx.AsyncClient
    executor: Process
    case_ids: list[int]


@asynccontextmanager
async def _rounds(folder: Path, target: str, cases: int) -> AsyncIterator[Parts]:
    """Start one, save so many cases, and run each once."""
    async with stores(folder, kafka=True) as kept, AsyncExitStack() as stack:
        ports = {"executor": free_port(), "others": free_port()}
        env = {f"ROUNDS_{name.upper()}_URL": f"http://127.0.0.1:{ports['others']}" for name in OTHERS}
        env["ROUNDS_EXECUTOR_URL"] = f"http://127.0.0.1:{ports['executor']}"
        _, others = await stack.enter_async_context(serving(kept, "others", OTHERS, env, ports["others"]))
        executor, _ = await stack.enter_async_context(serving(kept, "executor", ["executor"], env, ports["executor"]))
        client = await stack.enter_async_context(log_in(others))
        parts = Parts(kept, client, executor, await _save(client, target, cases))
        await _run(parts, 1)
        yield parts


async def measure(report: Report, folder: Path) -> None:
    """Speed and latency, with one nginx as the target."""
    cases, waves = (50, 2) if report.quick else (1000, 10)
    async with nginx(folder) as target:
        requests = 1000 if report.quick else 20_000
        plain = report.add("aiohttp alone", await _plain(target, requests), "requests/s")
        client_ms = time.process_time()
        bare, _ = await _bare(target, requests, 50)
        client_ms = (time.process_time() - client_ms) / requests * 1000
        report.add("aiohttp with our hooks and body cap", bare, "requests/s", f"{bare / plain:.2f} of aiohttp alone")
        async with _rounds(folder, target, cases) as parts:
            busy = _cpu_seconds(parts.executor)
            whole = await _run(parts, waves)
            busy = (_cpu_seconds(parts.executor) - busy) / (waves * cases * STEPS) * 1000
            report.add("a whole Rounds, one executor", whole, "steps/s", f"{waves} × {cases:,} cases × {STEPS} steps")
            report.at_least("… of aiohttp with our hooks", whole / bare, "×", 0.5)
            note = f"{client_ms:.3f} ms for a request of aiohttp with our hooks"
            report.add("executor's processor time a step", busy, "ms", note)
            await _latency(report, parts, target)
            report.add("executor's peak memory so far", _peak_mb(parts.executor), "MB")
        for name, peer in PEERS.items():
            try:
                count = 10 if report.quick else peer.cases
                speed = report.add(name, await steps_per_second(name, target, folder, count), "steps/s")
                report.at_least(f"a whole Rounds, of {name}", whole / speed, "×", peer.times)
            except RuntimeError as error:
                report.leave_out(name, str(error))


async def measure_memory(report: Report, folder: Path) -> None:
    """Peak memory of the executor through 1,000,000 steps, told every 100,000; some 25 minutes of two cores."""
    cases, waves, times = (50, 2, 2) if report.quick else (1000, 20, 10)
    async with nginx(folder) as target, _rounds(folder, target, cases) as parts:
        for number in range(1, times + 1):
            await _run(parts, waves, only_failed_log=True)
            steps = number * waves * cases * STEPS
            report.at_most(f"executor's peak memory through {steps:,} steps", _peak_mb(parts.executor), "MB", 250)


async def _plain(target: str, requests: int) -> float:
    """Requests a second of an aiohttp session as it comes, 50 at a time."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50)) as session:

        async def get() -> None:
            async with session.get(f"{target}/orders/1") as answer:
                await answer.read()

        return requests / await _in_the_air(get, requests, 50)


async def _bare(target: str, requests: int, at_once: int) -> tuple[float, list[float]]:
    """Requests a second of the executor's client in a bare loop, and what each took in ms."""
    client, taken = HttpClient(), []
    call = Call(method="GET", url=wire_url(f"{target}/orders/1", []), headers=[], body=None, timeout_ms=10_000)

    async def get() -> None:
        began = time.perf_counter()
        async with AsyncExitStack() as in_hand:
            answer = await client.send(call, EGRESS, in_hand)
        taken.append((time.perf_counter() - began) * 1000)
        if answer.status != httpx.codes.OK:
            raise AssertionError(answer.status)

    try:
        return requests / await _in_the_air(get, requests, at_once), taken
    finally:
        await client.close()


async def _in_the_air(work: Callable[[], Awaitable[None]], times: int, at_once: int) -> float:
    """Seconds for doing it so often, so many at once."""

    async def worker(count: int) -> None:
        for _ in range(count):
            await work()

    began = time.perf_counter()
    await asyncio.gather(*(worker(times // at_once) for _ in range(at_once)))
    return time.perf_counter() - began


async def _save(client: httpx.AsyncClient, target: str, cases: int) -> list[int]:
    """A project with an environment and so many cases; answers their ids."""
    project = await ok(client.post("/catalog/projects", json={"name": "Shop"}), 201)
    inside = f"/catalog/projects/{project['id']}"
    environment = {"name": "qa", "base_urls": {"default": target}, "is_default": True}
    await ok(client.post(f"{inside}/environments", json=environment), 201)
    module = await ok(client.post(f"{inside}/modules", json={"name": "Orders"}), 201)
    ids = []
    for number in range(cases):
        body = {"document": rounds_case(f"case {number}")}
        ids.append(int((await ok(client.post(f"/catalog/modules/{module['id']}/cases", json=body), 201))["id"]))
    return ids


async def _run(parts: Parts, waves: int, *, max_parallel: int = 100, only_failed_log: bool = False) -> float:
    """Let tasks of all cases fall due at one second; steps a second, from then until the last run is closed."""
    client, case_ids = parts.client, parts.case_ids
    due = datetime.now(UTC) + timedelta(seconds=5 + waves * 0.1)
    ids = []
    for _ in range(waves):
        body = {
            "case_ids": case_ids,
            "parallel": 1,
            "max_parallel": max_parallel,
            "owner_ids": [ADMIN_ID],
            "startTime": due.strftime("%Y-%m-%dT%H:%M:%S"),
            "only_failed_log": only_failed_log,
            "notify": "on_failure",
        }
        ids.append(int((await ok(client.post("/api-data/schedule-api-cases", json=body)))["task_id"]))
    async with parts.stores.connection("executor") as connection:
        closed = "SELECT count(*) FROM run WHERE task_id = ANY($1) AND finished_at IS NOT NULL"

        async def all_closed() -> bool:
            return bool(await connection.fetchval(closed, ids) == waves)

        await until(all_closed, 60 + waves * len(case_ids) * STEPS / 200, every=0.2)
        row = await connection.fetchrow(
            "SELECT extract(epoch FROM max(finished_at) - min(due_at)) AS seconds, sum(steps_passed) AS passed "
            "FROM run WHERE task_id = ANY($1)",
            ids,
        )
    if row is None or row["passed"] != waves * len(case_ids) * STEPS:
        raise AssertionError(f"not all steps passed: {row}")
    return float(row["passed"]) / float(row["seconds"])


async def _latency(report: Report, parts: Parts, target: str) -> None:
    """What a step takes beside its request, with 20 cases in the air: the time of a case that its steps' requests do
    not explain, by step; the request itself beside that of a bare loop.
    """
    await _run(parts, 1, max_parallel=IN_THE_AIR)
    async with parts.stores.connection("executor") as connection:
        rows = await connection.fetch("""
            SELECT (s.next_at - s.started_at) AS whole, s.request_ms FROM (
                SELECT started_at, (convert_from(detail, 'UTF8')::json #>> '{timings_ms,total}')::float AS request_ms,
                       lead(started_at) OVER (PARTITION BY run_id, position ORDER BY seq) AS next_at
                FROM step_result WHERE run_id = (SELECT max(run_id::text)::uuid FROM run)) AS s
            WHERE s.next_at IS NOT NULL""")
    _, request_ms = await _bare(target, len(parts.case_ids) * STEPS, IN_THE_AIR)
    plain = percentile(request_ms, 50)
    steps_ms = [row["whole"].total_seconds() * 1000 for row in rows]
    report.add("plain request, 20 in the air", plain, "ms p50", f"p99 {percentile(request_ms, 99):.2f} ms")
    report.at_most("added per step, 20 in the air", percentile(steps_ms, 50) - plain, "ms p50", 2)
    report.at_most("added per step, 20 in the air", percentile(steps_ms, 99) - plain, "ms p99", 15)


def _peak_mb(process: Process) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def _cpu_seconds(process: Process) -> float:
    """What a process has taken of the processor until now, in user mode and in the kernel."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
