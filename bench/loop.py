"""The executor's event loop: how long a task waits for it while large answers and costly expressions are judged."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.executor_peers import rounds_case
from bench.report import Report, percentile
from bench.stack import nginx
from caselang.document import Case, parse
from cli.server import spare_the_collector
from kit.egress import Egress
from services.executor.clients.http import HttpClient
from services.executor.runner.case import run_case
from services.executor.runner.plan import Place, Plan, Signals, StepReport

EGRESS = Egress.of(["127.0.0.0/8"], [], [])
SMALL_CASES = 20
"""Cases of small answers that are in the air meanwhile."""
SMALL = parse(rounds_case("small"))
ITEMS = 130_000
"""Of about 80 bytes: just under the 10 MiB that are read."""
LARGE: dict[str, list[dict[str, Any]]] = {
    "9.4 MiB of JSON, a path": [
        {"query": {"type": "jsonpath", "expr": f"$[{ITEMS - 1}].id"}, "predicate": "==", "value": ITEMS - 1}
    ],
    "9.4 MiB of JSON, a search": [
        {"query": {"type": "jsonpath", "expr": "$[?@.id < 3].name"}, "predicate": "count", "value": 3}
    ],
    "9.4 MiB of text": [{"query": {"type": "body"}, "predicate": "contains", "value": "no such item", "not": True}],
}


async def measure(report: Report, folder: Path) -> None:
    """The longest wait with small answers only, then with each kind of large one beside them."""
    items = [{"id": n, "name": f"item {n}", "tags": ["a", "b"], "price": n / 8} for n in range(ITEMS)]
    (folder / "large.json").write_text(json.dumps(items))
    times = 2 if report.quick else 10
    spare_the_collector()
    async with nginx(folder) as target, _client() as client:
        await _driven(client, target, SMALL)
        await _look(report, "small answers only", client, target, SMALL, times * 50)
        for name, asserts in LARGE.items():
            step = {"name": "large", "type": "request", "request": {"method": "GET", "url": "{{base_url}}/large.json"}}
            document = {
                "apiVersion": "rounds/v1",
                "kind": "Case",
                "name": name,
                "steps": [{**step, "asserts": asserts}],
            }
            case = parse(document)
            await _driven(client, target, case)
            await _look(report, name, client, target, case, times)


@asynccontextmanager
async def _client() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    try:
        yield client
    finally:
        await client.close()


async def _look(report: Report, name: str, client: HttpClient, target: str, case: Case, times: int) -> None:
    """The longest piece of work that the loop did in one go, in processor time, while the case ran so often beside
    small ones; and how much later than asked a task was woken, which depends on what else the machine does.
    """
    late: list[float] = []

    async def look() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append((time.perf_counter() - began) * 1000 - 1)

    async def small() -> None:
        while True:
            await _driven(client, target, SMALL)

    with _timed_work() as pieces:
        others = [asyncio.create_task(work()) for work in [look, *[small] * SMALL_CASES]]
        for _ in range(times):
            await _driven(client, target, case)
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    note = f"a task was woken late by p50 {percentile(late, 50):.0f}, p99 {percentile(late, 99):.0f} ms"
    report.at_most(f"longest piece of work, {name}", max(pieces) * 1000, "ms", 20, note)


@contextmanager
def _timed_work() -> Iterator[list[float]]:
    """Seconds of processor time of each callback that the loop calls."""
    seconds: list[float] = []
    run = asyncio.Handle._run  # noqa: SLF001 (the one place that all of them pass)

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        seconds.append(time.thread_time() - began)

    with patch.object(asyncio.Handle, "_run", timed):
        yield seconds


async def _driven(client: HttpClient, target: str, case: Case) -> None:
    async def emit(_step: StepReport) -> None:
        """Nothing is kept."""

    place = Place(base_urls={"default": target}, egress=EGRESS)
    plan = Plan(case=case, called={}, row=None, place=place, failed_stop=True, only_failed_log=False)
    end = await run_case(plan, client, emit, Signals())
    if end.status != "passed":
        raise AssertionError(end.first_failure)
