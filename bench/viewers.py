"""Many who follow one run over server-sent events: the memory they take, and how soon they hear of its end."""

import asyncio
import re
import resource
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import httpx
import orjson

from bench.report import Report, percentile
from bench.stack import log_in, serving, stores
from kit.settings import SERVICES
from tests.support.processes import Process
from tests.support.wait import until

STEP = {"name": "wait to be cancelled", "type": "wait", "duration_ms": 300_000}
CONNECTING_AT_ONCE = 50


async def measure(report: Report, folder: Path) -> None:
    """Viewers of a run in one process of Rounds: they arrive, and then the run ends."""
    count = 100 if report.quick else 2000
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(stores(folder, kafka=False))
        process, url = await stack.enter_async_context(serving(parts, "rounds", list(SERVICES)))
        client = await stack.enter_async_context(log_in(url))
        run_id = await _endless_run(client)
        viewing = await stack.enter_async_context(
            aiohttp.ClientSession(
                url,
                headers={"Authorization": client.headers["Authorization"]},
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        )
        gate, arrived = asyncio.Semaphore(CONNECTING_AT_ONCE), asyncio.Semaphore(0)
        before = _memory_mb(process)
        viewers = [asyncio.create_task(_view(viewing, f"/runs/{run_id}/events", gate, arrived)) for _ in range(count)]
        for _ in viewers:
            await asyncio.wait_for(arrived.acquire(), 120)
        report.add(f"memory of {count:,} viewers", _memory_mb(process) - before, "MB", f"{before:.0f} MB without")
        (await client.post(f"/runs/{run_id}/cancel")).raise_for_status()
        delays = await asyncio.wait_for(asyncio.gather(*viewers), 120)
        report.add("end of the run → told to a viewer, p50", percentile(delays, 50), "ms")
        report.add("end of the run → told to a viewer, p99", percentile(delays, 99), "ms")


async def _endless_run(client: httpx.AsyncClient) -> str:
    """A run that has begun and ends when it is cancelled."""
    (await client.post("/catalog/projects", json={"name": "Shop"})).raise_for_status()
    (await client.post("/catalog/projects/1/modules", json={"name": "all"})).raise_for_status()
    document = {"apiVersion": "rounds/v1", "kind": "Case", "name": "endless", "steps": [STEP]}
    (await client.post("/catalog/modules/1/cases", json={"document": document})).raise_for_status()

    async def running() -> str | None:
        answer = await client.post("/runs", json={"case_ids": [1]})
        return str(answer.json()["run_id"]) if answer.is_success else None

    run_id = await until(running, 30)

    async def begun() -> bool:
        return bool((await client.get(f"/runs/{run_id}")).json()["status"] == "running")

    await until(begun, 30)
    return str(run_id)


async def _view(
    session: aiohttp.ClientSession, path: str, gate: asyncio.Semaphore, arrived: asyncio.Semaphore
) -> float:
    """Follow a run to its end; answers the milliseconds from then to the news of it."""
    async with gate:
        answer = await session.get(path)
        answer.raise_for_status()
        await answer.content.readuntil(b"\n\n")
        arrived.release()
    while (event := await answer.content.readuntil(b"\n\n")) and b"event: run.completed" not in event:
        pass
    at = datetime.now(UTC)
    finished_at = orjson.loads(event.partition(b"data: ")[2])["finished_at"]
    return (at - datetime.fromisoformat(finished_at)).total_seconds() * 1000


def _memory_mb(process: Process) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
