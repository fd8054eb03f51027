"""Several copies of a service share the work."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import running_rounds
from tests.flows.story import Shop, ok, open_shop, slow_step
from tests.support.smtp import SmtpServer
from tests.support.target import Target
from tests.support.wait import until

pytestmark = pytest.mark.timeout(400)

BURST = 500
AT_ONCE = 20


async def test_two_schedulers_and_two_executors_make_one_run_of_each_task(
    tmp_path: Path, target: Target, smtp: SmtpServer
) -> None:
    """500 tasks fall due in one second."""
    replicas = ("--replicas", "scheduler=2", "--replicas", "executor=2")
    async with running_rounds("many", tmp_path, smtp, {}, *replicas) as rounds:
        shop = await open_shop(rounds.url, target)
        case = await shop.case("a case", slow_step(0))
        due = (datetime.now(shop.zone) + timedelta(seconds=35)).strftime("%Y-%m-%dT%H:%M:%S")
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
        runs = await shop.run_ids(task_ids)
        assert (len(runs), len(set(runs))) == (BURST, BURST)
        assert target.count("/slow") == BURST
        await check_firings(shop, task_ids[0])
        await shop.tester.aclose()


async def check_firings(shop: Shop, task_id: int) -> None:
    ledger: dict[str, Any] = await ok(shop.tester.get(f"/scheduler/tasks/{task_id}/occurrences"))
    assert [(found["outcome"], len(found["firings"])) for found in ledger["data"]] == [("passed", 1)]
