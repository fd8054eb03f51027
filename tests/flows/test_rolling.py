"""Every process of `make up` is restarted, one after the other, while tasks come in: nobody notices.

A request waits for what is away, PostgreSQL too. One whose transaction PostgreSQL ends when it stops is answered 503
with `Retry-After`; the client of this test does what that says, under the same key, and what it asked for is done once.

ROUNDS_TEST_TASKS_PER_SECOND says how many are saved each second (5), ROUNDS_TEST_ROLLS how often all is restarted (1).
"""

import asyncio
import os
import signal
import ssl
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.flows.conftest import Rounds, running_rounds
from tests.flows.story import Shop, open_shop, slow_step
from tests.support.smtp import SmtpServer
from tests.support.target import Target
from tests.support.wait import until

PER_SECOND = int(os.environ.get("ROUNDS_TEST_TASKS_PER_SECOND", "5"))
LEAD_SECONDS = 30
"""A request may wait some seconds for the service that it needs, and a time that lies in the past is refused."""
TLS = ssl.create_default_context()
"""Unused, but making one for each client takes a third of the machine."""
ROLLS = int(os.environ.get("ROUNDS_TEST_ROLLS", "1"))


class Load:
    """Saves tasks at a steady pace, each by a connection of its own, and reads one for each that it saves."""

    def __init__(self, shop: Shop, case_id: int) -> None:
        self.shop, self.case_id = shop, case_id
        self.task_ids: list[int] = []
        self.failures: list[str] = []
        self.asked_again = 0
        """Answers of 503 that said when to ask again."""
        self.slowest = 0.0

    async def until_set(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set, and until the last answer is there."""
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                group.create_task(self._save())
                await asyncio.sleep(1 / PER_SECOND)

    async def _save(self) -> None:
        tester = self.shop.tester
        due = datetime.now(self.shop.zone) + timedelta(seconds=LEAD_SECONDS)
        body = {
            "case_ids": [self.case_id],
            "parallel": 0,
            "owner_ids": self.shop.owner_ids,
            "startTime": due.strftime("%Y-%m-%dT%H:%M:%S"),
            "notify": "on_failure",
        }
        try:
            async with httpx.AsyncClient(
                base_url=tester.base_url, headers=tester.headers, timeout=60, verify=TLS
            ) as client:
                saved = await self._ask(client, "POST", "/api-data/schedule-api-cases", json=body)
                self.slowest = max(self.slowest, saved.elapsed.total_seconds())
                if saved.status_code != httpx.codes.OK:
                    self.failures.append(f"{saved.status_code} {saved.text}")
                    return
                self.task_ids.append(saved.json()["task_id"])
                read = await self._ask(client, "GET", f"/scheduler/tasks/{self.task_ids[-1]}")
                runs = await self._ask(client, "GET", "/runs?page_size=1")
                cases = await self._ask(client, "GET", f"/catalog/cases/{self.case_id}")
                me = await self._ask(client, "GET", "/user/platform")
                bad = [one for one in (read, runs, cases, me) if one.status_code != httpx.codes.OK]
                self.failures += [f"{one.request.url} {one.status_code} {one.text}" for one in bad]
        except httpx.TransportError as error:
            self.failures.append(repr(error))

    async def _ask(self, client: httpx.AsyncClient, method: str, path: str, json: object = None) -> httpx.Response:
        """Ask again where the answer says so, and once where the gateway closed the connection before it answered.

        A gateway that ends closes connections on which it has read nothing; what is sent at that moment is lost, and
        with an idempotency key it may be sent again (RFC 9110, 9.2.2), as browsers and most clients do.
        """
        headers = {"Idempotency-Key": uuid4().hex}
        try:
            answer = await client.request(method, path, json=json, headers=headers)
        except httpx.RemoteProtocolError:
            answer = await client.request(method, path, json=json, headers=headers)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "Retry-After" in answer.headers:
            self.asked_again += 1
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            answer = await client.request(method, path, json=json, headers=headers)
        return answer


def rolled(rounds: Rounds, times: int) -> bool:
    return rounds.process.log().count("everything is restarted") >= times


@pytest.mark.timeout(400 + 300 * ROLLS)
async def test_a_rolling_restart_fails_no_request_and_loses_or_doubles_no_run(
    tmp_path: Path, target: Target, smtp: SmtpServer
) -> None:
    async with running_rounds("many", tmp_path, smtp) as rounds:
        shop = await open_shop(rounds.url, target)
        load, stop = Load(shop, await shop.case("a case", slow_step(0))), asyncio.Event()
        loading = asyncio.create_task(load.until_set(stop))
        for roll in range(1, ROLLS + 1):
            os.kill(rounds.process.pid, signal.SIGHUP)
            await until(partial(rolled, rounds, roll), 300, every=0.5)
        stop.set()
        await loading

        assert Counter(load.failures) == {}
        saved = len(load.task_ids)
        print(f"{saved} tasks, slowest answer {load.slowest:.1f} s, {load.asked_again} asked again")  # noqa: T201 (what a run by hand is for)

        async def all_have_ended() -> bool:
            answer = await shop.tester.get("/api-data/scheduled-tasks", params={"status": "completed", "page_size": 1})
            return bool(answer.json()["total"] == saved)

        await until(all_have_ended, 120, every=0.5)
        async with rounds.database() as connection:
            for table in ("scheduler.firing", "executor.run"):
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == saved
        assert target.count("/slow") == saved
        await shop.tester.aclose()
