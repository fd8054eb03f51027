"""A worker while its database is away or refuses a row, or the process stops: nothing lost, no other held up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from kit.settings import settings
from services.executor.loops.house import keep_house, reap
from services.executor.loops.worker import Worker
from services.executor.settings import executor_settings
from services.executor.usecases import claims, results
from tests.executor.conftest import Executor
from tests.executor.test_leases import LEASE_OVER, claimed, killed
from tests.executor.test_runs import get
from tests.support.wait import until

Write = Callable[..., Awaitable[None]]


class _Refusing:
    """`results.write_group`, of which some calls fail before they do anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *faults: Exception | None) -> None:
        self.faults = list(faults)
        self.write: Write = results.write_group
        monkeypatch.setattr(results, "write_group", self)

    async def __call__(self, *args: Any, **options: Any) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        await self.write(*args, **options)


async def ended(worker: Worker, count: int) -> None:
    """Let a worker run what is queued to its end, written or not."""
    await claimed(worker)
    await until(lambda: len(worker.writer.ends) == count)


async def test_a_case_run_that_cannot_be_taken_back_holds_up_no_other(idle: Executor) -> None:
    idle.target.hold()
    broken, sound = [await idle.due(await idle.case(get("/held"))) for _ in range(2)]
    worker = Worker()
    await claimed(worker)
    await until(lambda: idle.target.count("/held") == 2)
    await killed(worker)
    await idle.rows("DELETE FROM run WHERE run_id = :run_id RETURNING 1", run_id=broken)

    await idle.move_clock(LEASE_OVER)
    await reap()

    taken = await idle.rows("SELECT status FROM case_run WHERE run_id = :run_id", run_id=sound)
    assert taken == [{"status": "queued"}]


async def test_a_database_that_goes_away_between_two_case_runs_loses_no_result(
    idle: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [await idle.case(get("/status/200")) for _ in range(3)]
    run_id = await idle.due(*cases, parallel=1)
    worker = Worker()
    await ended(worker, 3)
    _Refusing(monkeypatch, ValueError("together"), None, ConnectionResetError("away"))

    with pytest.raises(ConnectionResetError):
        await worker.write()
    assert len(worker.held) == 2
    await worker.write()

    report = await idle.report(run_id)
    assert (report["status"], report["cases_passed"], report["cases_done"]) == ("passed", 3, 3)
    assert [len((await idle.case_report(run_id, case_id))["steps"]) for case_id in cases] == [1, 1, 1]
    assert not worker.held
    await worker.http.close()


async def test_results_that_the_database_refuses_end_their_own_case_only_also_when_it_goes_away_meanwhile(
    idle: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [await idle.case(get("/status/200")) for _ in range(2)]
    run_id = await idle.due(*cases, parallel=1)
    worker = Worker()
    await ended(worker, 2)
    refused = ValueError("refused")
    _Refusing(monkeypatch, refused, refused, ConnectionResetError("away"), refused, refused)

    with pytest.raises(ConnectionResetError):
        await worker.write()
    await worker.write()

    report = await idle.report(run_id)
    found = {(case["status"], case["failure_class"], case["reason"]) for case in report["cases"]}
    assert found == {("error", "platform", "unwritable"), ("passed", None, None)}
    assert (report["pass_rate"], worker.held) == (100, {})
    await worker.http.close()


async def test_a_stopping_worker_keeps_its_leases_while_it_finishes(
    idle: Executor, configured: pytest.MonkeyPatch
) -> None:
    configured.setenv("ROUNDS_EXECUTOR_LEASE_SECONDS", "4")
    executor_settings.cache_clear()
    idle.target.hold()
    run_id = await idle.due(await idle.case(get("/held")))
    worker = Worker()
    await claimed(worker)
    lease = "SELECT lease_until FROM case_run"
    before = await idle.rows(lease)

    draining = asyncio.create_task(worker.drain())

    async def renewed() -> bool:
        return await idle.rows(lease) != before

    await until(renewed)
    idle.target.release()
    await draining
    assert (await idle.report(run_id))["status"] == "passed"


async def test_a_worker_that_stops_without_a_database_closes_its_connections_and_loses_no_case(
    idle: Executor, configured: pytest.MonkeyPatch
) -> None:
    configured.setenv("ROUNDS_GRACE_SECONDS", "0.2")
    settings.cache_clear()
    idle.target.hold()
    await idle.due(await idle.case(get("/held")))
    worker = Worker()
    await claimed(worker)
    await until(lambda: idle.target.count("/held") == 1)
    with configured.context() as patch:

        async def away(*_: Any) -> None:
            raise ConnectionResetError

        patch.setattr(claims, "release", away)
        await worker.drain()

    assert not worker.http.open
    await idle.move_clock(LEASE_OVER)
    await reap()
    assert await idle.rows("SELECT status FROM case_run") == [{"status": "queued"}]


async def test_data_rows_that_show_late_stay_within_the_runs_parallel_cap(idle: Executor) -> None:
    idle.target.hold()
    other = await idle.case(get("/held"))
    run_id = await idle.due(4711, other, parallel=1, max_parallel=2)
    await idle.case(get("/held"), id_=4711, data=[{"n": n} for n in range(5)])
    worker = Worker()

    await claimed(worker)

    states = await idle.rows("SELECT status, count(*) AS n FROM case_run GROUP BY status ORDER BY status")
    assert states == [{"status": "running", "n": 2}, {"status": "waiting", "n": 4}]
    idle.target.release()
    await until(lambda: len(worker.writer.ends) == 2)
    await worker.write()
    idle.start()
    assert (await idle.over(run_id))["cases_passed"] == 6
    await worker.http.close()


async def test_workers_are_shown_alive_then_silent_then_not_at_all(idle: Executor) -> None:
    async def seen() -> list[tuple[str, str, int]]:
        found = (await idle.member.get("/runs/workers")).json()["workers"]
        return [(worker["worker_id"], worker["state"], worker["case_runs"]) for worker in found]

    stopped, lost = Worker(), Worker()
    for worker in (stopped, lost):
        await worker.watch()
    assert sorted(await seen()) == sorted([(stopped.id, "alive", 0), (lost.id, "alive", 0)])

    await stopped.drain()
    assert await seen() == [(lost.id, "alive", 0)]
    await idle.move_clock(LEASE_OVER)
    assert await seen() == [(lost.id, "silent", 0)]
    await idle.move_clock(timedelta(hours=2))
    await keep_house()
    assert await seen() == []
    await lost.http.close()
