"""A team outgrows one process, and later loses everything but its backup: docs/operating.md, carried out."""

import asyncio
import os
import re
import shutil
import sys
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import pytest

from cli.postgres import BIN, free_port
from tests.flows.conftest import Rounds, running_rounds
from tests.flows.story import Shop, log_in, log_in_step, ok, open_shop, order_step
from tests.support.smtp import SmtpServer
from tests.support.target import Target
from tests.support.wait import until

pytestmark = pytest.mark.timeout(900)

RUNS = 4
"""One before the move, one that waited for it, one after it, and one after the loss."""

ROOT = Path(__file__).parents[2]
PATH = f"{Path(sys.executable).parent}:{BIN}:{os.environ['PATH']}"
# A replica in each service that keeps one, and the table that it is a copy of.
REPLICAS = {
    "catalog.known_user": 'auth."user"',
    "scheduler.known_user": 'auth."user"',
    "executor.known_user": 'auth."user"',
    "notifier.known_user": 'auth."user"',
    "auth.known_project": "catalog.project",
    "scheduler.known_module": "catalog.module",
    "scheduler.known_case": 'catalog."case"',
    "executor.known_case": 'catalog."case"',
    "executor.known_project": "catalog.project",
    "executor.known_environment": "catalog.environment",
    "notifier.known_project": "catalog.project",
}


def commands(mark: str) -> str:
    """The commands that docs/operating.md gives under a mark."""
    page = (ROOT / "docs" / "operating.md").read_text()
    (found,) = re.findall(rf"<!-- tested: tests/flows/test_moving.py {mark} -->\n```sh\n(.*?)```", page, re.DOTALL)
    return str(found)


async def carry_out(mark: str, folder: Path) -> str:
    """Run the page's commands in a folder, as whoever reads it would; answers what they print."""
    port = free_port()
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", commands(mark).replace("5432", str(port)),
        cwd=folder, env={**os.environ, "PATH": PATH}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await shell.communicate()
    assert shell.returncode == 0, printed.decode()
    return printed.decode()


async def operate(rounds: Rounds, *arguments: str) -> str:
    """Run a command of the operator beside it; only the data folder tells which Rounds is meant."""
    env = {**os.environ, "PATH": PATH}
    command = ["rounds", *arguments, "--data-dir", str(rounds.data_dir)]
    shell = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
    printed, _ = await shell.communicate()
    assert shell.returncode == 0, command
    return printed.decode()


async def agree(connection: "asyncpg.Connection[asyncpg.Record]", replica: str, source: str) -> bool:
    """Whether two tables have the same things in the same revisions."""
    query = "SELECT array_agg((id, revision) ORDER BY id)::text FROM {}"
    return bool(await connection.fetchval(query.format(replica)) == await connection.fetchval(query.format(source)))


async def check_replicas(rounds: Rounds) -> None:
    """Every replica has the revision of its source, for each thing."""
    async with rounds.database() as connection:
        for replica, source in REPLICAS.items():
            await until(partial(agree, connection, replica, source), 60)


async def check_a_run(shop: Shop, case_id: int) -> str:
    """A task that is saved now runs once; answers the run's id."""
    task = await shop.ended(await shop.schedule([case_id], in_seconds=2), timeout=120)
    assert (task["status"], task["execution_count"]) == ("completed", 1)
    return str(task["last_run_id"])


async def come_back(shop: Shop, url: str) -> None:
    """Log in once more, at where Rounds is now."""
    await shop.tester.aclose()
    shop.tester = await log_in(url, "alice", "user-of-tests-1")


async def test_one_process_becomes_many_and_what_was_lost_comes_back_from_the_backup(
    tmp_path: Path, target: Target, smtp: SmtpServer
) -> None:
    async with running_rounds("one", tmp_path, smtp) as rounds:
        shop = await open_shop(rounds.url, target)
        case_id = await shop.case("Order is paid", log_in_step(), order_step())
        first = await check_a_run(shop, case_id)
        waiting = await shop.schedule([case_id], in_seconds=20)

    # Many processes, on the same folder. What one process had not fired yet is fired by them.
    async with running_rounds("many", tmp_path, smtp) as rounds:
        await come_back(shop, rounds.url)
        assert "The settings are sound." in await operate(rounds, "config", "check")
        await operate(rounds, "outbox", "snapshot")
        assert (await shop.ended(waiting, timeout=120))["execution_count"] == 1
        second = await check_a_run(shop, case_id)
        await check_replicas(rounds)
        await carry_out("backup", tmp_path)
        lost = await shop.case("made after the backup", log_in_step())

    shutil.rmtree(tmp_path / "data")
    await carry_out("restore", tmp_path)

    async with running_rounds("many", tmp_path, smtp) as rounds:
        await come_back(shop, rounds.url)
        async with rounds.database() as connection:
            await connection.execute("DELETE FROM scheduler.known_case; UPDATE executor.known_project SET revision = 0")
        await operate(rounds, "outbox", "replay")
        await operate(rounds, "outbox", "snapshot")
        await check_replicas(rounds)
        for run_id in (first, second):
            assert (await ok(shop.tester.get(f"/runs/{run_id}")))["status"] == "passed"
        assert (await shop.tester.get(f"/catalog/cases/{lost}")).status_code == httpx.codes.NOT_FOUND
        await check_a_run(shop, case_id)
        async with rounds.database() as connection:
            assert await connection.fetchval("SELECT count(*) FROM executor.run") == RUNS
        await shop.tester.aclose()
