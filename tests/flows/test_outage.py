"""The broker is away while tasks fall due; several copies of a service share the work."""

import asyncio
import os
import signal
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.conftest import Rounds, running_rounds
from tests.flows.story import Shop, ok, open_shop, slow_step
from tests.support.smtp import SmtpServer
from tests.support.target import Target
from tests.support.wait import elapsed, until

pytestmark = pytest.mark.timeout(400)

OUTAGE_SECONDS = 30
BURST = 500
AT_ONCE = 20


def pid_of_broker(rounds: Rounds) -> int:
    data_dir = str(rounds.data_dir / "kafka").encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if b"kafka.Kafka" in command and data_dir in command:
                return int(entry.name)
    raise AssertionError("no broker runs")


async def run_ids(shop: Shop, task_ids: list[int]) -> list[str]:
    """Ids of all runs of the tasks."""
    found: list[str] = []
    cursor = ""
    while True:
        page = await ok(shop.tester.get("/runs", params={"limit": 200, **({"cursor": cursor} if cursor else {})}))
        found += [run["run_id"] for run in page["data"] if run["task_id"] in task_ids]
        cursor = page["next_cursor"]
        if not cursor:
            return found


async def test_tasks_that_fall_due_while_the_broker_is_away_are_fired_once_it_is_back(
    tmp_path: Path, target: Target, smtp: SmtpServer
) -> None:
    """The broker is frozen, so that no supervisor starts it again before its time."""
    async with running_rounds("many", tmp_path, smtp) as rounds:
        shop = await open_shop(rounds.url, target)
        case = await shop.case("a case", slow_step(10))
        task_ids = [await shop.schedule([case], in_seconds=4) for _ in range(10)]
        os.kill(pid_of_broker(rounds), signal.SIGSTOP)
        outage = asyncio.create_task(elapsed(OUTAGE_SECONDS))

        slowest = 0.0
        while not outage.done():
            answer = await shop.tester.get("/api-data/scheduled-tasks")
            assert answer.status_code == httpx.codes.OK
            slowest = max(slowest, answer.elapsed.total_seconds())
            await asyncio.sleep(0.2)
        task_ids += [await shop.schedule([case], in_seconds=3)]
        assert slowest < 5
        assert target.count("/slow") == 0

        os.kill(pid_of_broker(rounds), signal.SIGCONT)
        for task_id in task_ids:
            assert (await shop.ended(task_id, timeout=90))["status"] == "completed"
        assert len(await run_ids(shop, task_ids)) == len(task_ids)
        assert target.count("/slow") == len(task_ids)
        await shop.tester.aclose()


async def test_two_schedulers_and_two_executors_make_one_run_of_each_task(
    tmp_path: Path, target: Target, smtp: SmtpServer
) -> None:
    """500 tasks fall due in one second."""
    replicas = ("--replicas", "scheduler=2", "--replicas", "executor=2")
    async with running_rounds("many", tmp_path, smtp, {}, *replicas) as rounds:
        shop = await open_shop(rounds.url, target)
        case = await shop.case("a case", slow_step(0))
        due = (datetime.now(shop.zone) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%S")
        bound = asyncio.Semaphore(AT_ONCE)

        async def save() -> int:
            async with bound:
                return await shop.schedule([case], startTime=due, notify="on_failure")

        task_ids: list[int] = await asyncio.gather(*(save() for _ in range(BURST)))

        async def all_ended() -> bool:
            listed = await ok(
                shop.tester.get("/api-data/scheduled-tasks", params={"status": "completed", "page_size": 1})
            )
            return bool(listed["total"] == BURST)

        await until(all_ended, 180, every=0.5)
        runs = await run_ids(shop, task_ids)
        assert (len(runs), len(set(runs))) == (BURST, BURST)
        assert target.count("/slow") == BURST
        await check_firings(shop, task_ids[0])
        await shop.tester.aclose()


async def check_firings(shop: Shop, task_id: int) -> None:
    ledger: dict[str, Any] = await ok(shop.tester.get(f"/scheduler/tasks/{task_id}/occurrences"))
    assert [(found["outcome"], len(found["firings"])) for found in ledger["data"]] == [("passed", 1)]
