"""Processes are killed in the middle of a run: the run ends, no case is judged twice, nobody gets two mails.

ROUNDS_TEST_OUTAGE_SECONDS says how long the broker is frozen (12).
"""

import asyncio
import os
import signal
from collections import Counter
from contextlib import suppress
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

CASES = 20
OUTAGE_SECONDS = float(os.environ.get("ROUNDS_TEST_OUTAGE_SECONDS", "12"))
SHORT_LEASES = {"ROUNDS_EXECUTOR_LEASE_SECONDS": "5"}


async def begin_run(shop: Shop, target: Target, case_ids: list[int]) -> int:
    """Schedule the cases, and wait until the run is well under way."""
    before = target.count("/slow")
    task_id = await shop.schedule(case_ids, in_seconds=2, parallel=1, max_parallel=4)
    await until(lambda: target.count("/slow") >= before + 6, 60)
    return task_id


async def check_ended_once(shop: Shop, task_id: int, smtp: SmtpServer) -> None:
    task = await shop.ended(task_id, timeout=150)
    assert (task["status"], task["execution_count"]) == ("completed", 1)
    run = await ok(shop.tester.get(f"/runs/{task['last_run_id']}"))
    assert (run["cases_total"], run["cases_done"], run["cases_passed"], run["status"]) == (
        CASES,
        CASES,
        CASES,
        "passed",
    )
    assert len({case["case_id"] for case in run["cases"]}) == CASES
    assert max(case["starts"] for case in run["cases"]) <= 2

    def mails() -> list[Any]:
        return [mail for mail in smtp.mails if task["last_run_id"] in mail.text()]

    await until(lambda: len(mails()) >= 2, 60)
    assert Counter(mail.recipients[0] for mail in mails()) == {"alice@example.test": 1, "bob@example.test": 1}
    runs = await ok(shop.tester.get("/runs", params={"task_id": task_id}))
    assert [listed["run_id"] for listed in runs["data"]] == [task["last_run_id"]]


async def test_the_one_process_is_killed_in_the_middle_of_a_run(
    tmp_path: Path, target: Target, smtp: SmtpServer
) -> None:
    async with running_rounds("one", tmp_path, smtp, SHORT_LEASES) as rounds:
        shop = await open_shop(rounds.url, target)
        cases = [await shop.case(f"case {n}", slow_step(200), slow_step(200)) for n in range(CASES)]
        task_id = await begin_run(shop, target, cases)

        await rounds.process.kill()
        rounds.process.start()
        await rounds.process.ready(f"{rounds.url}/readyz", 60)

        await check_ended_once(shop, task_id, smtp)
        await shop.tester.aclose()


def pid_of(rounds: Rounds, service: str) -> int:
    """The process that serves a service."""
    data_dir = f"ROUNDS_DATA_DIR={rounds.data_dir}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if [b"serve", service.encode()] == command[2:4] and data_dir in (entry / "environ").read_bytes():
                return int(entry.name)
    raise AssertionError(f"no process serves {service}")


def pid_of_broker(rounds: Rounds) -> int:
    data_dir = str(rounds.data_dir / "kafka").encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if b"kafka.Kafka" in command and data_dir in command:
                return int(entry.name)
    raise AssertionError("no broker runs")


async def check_frozen_broker(rounds: Rounds, shop: Shop, target: Target) -> None:
    """Tasks fall due while the broker is away: they are fired once it is back.

    It is frozen, so that no supervisor starts it again before its time.
    """
    before = target.count("/slow")
    case = await shop.case("a case", slow_step(10))
    task_ids = [await shop.schedule([case], in_seconds=6) for _ in range(10)]
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
    assert target.count("/slow") == before

    os.kill(pid_of_broker(rounds), signal.SIGCONT)
    for task_id in task_ids:
        assert (await shop.ended(task_id, timeout=90))["status"] == "completed"
    assert len(await shop.run_ids(task_ids)) == len(task_ids)
    assert target.count("/slow") == before + len(task_ids)


async def test_each_of_many_processes_is_killed_in_the_middle_of_a_run_and_the_broker_is_frozen(
    tmp_path: Path, target: Target, smtp: SmtpServer
) -> None:
    async with running_rounds("many", tmp_path, smtp, SHORT_LEASES) as rounds:
        shop = await open_shop(rounds.url, target)
        cases = [await shop.case(f"case {n}", slow_step(200), slow_step(200)) for n in range(CASES)]
        for service in ("auth", "catalog", "scheduler", "executor", "notifier"):
            task_id = await begin_run(shop, target, cases)
            killed = pid_of(rounds, service)
            os.kill(killed, signal.SIGKILL)
            await rounds.process.ready(f"{rounds.url}/user/platform", 60)
            await check_ended_once(shop, task_id, smtp)
            assert pid_of(rounds, service) != killed
        await check_frozen_broker(rounds, shop, target)
        await shop.tester.aclose()
