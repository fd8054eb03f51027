"""Workers that are lost, that lose their lease, that are stopped: every case is judged once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from kit.settings import settings
from services.executor.loops import worker as loops
from services.executor.loops.house import reap
from services.executor.loops.worker import Worker
from services.executor.settings import executor_settings
from services.executor.usecases import claims, starts
from services.executor.usecases.ends import lock_runs
from services.executor.usecases.runs import cancel_locked
from tests.executor.conftest import Executor, database
from tests.executor.test_runs import get
from tests.support.wait import until

LEASE_OVER = timedelta(seconds=61)


async def claimed(worker: Worker) -> None:
    """Let a worker take what is queued and run it, but write nothing."""
    await worker.work()
    assert worker.held


async def killed(worker: Worker) -> None:
    """Let a worker vanish in the middle of its work."""
    for held in worker.held.values():
        assert held.task is not None
        held.task.cancel()
    await worker.http.close()


async def counts(executor: Executor) -> dict[str, Any]:
    return (await executor.rows("SELECT status, cases_done, cases_total FROM run"))[0]


async def test_a_case_of_a_lost_worker_is_started_once_more_and_judged_once(idle: Executor) -> None:
    idle.target.hold()
    case_id = await idle.case(get("/held"))
    run_id = await idle.due(case_id)
    first = Worker()
    await claimed(first)
    await until(lambda: idle.target.count("/held") == 1)
    await killed(first)

    await idle.move_clock(LEASE_OVER)
    await reap()
    idle.target.release()
    idle.start()
    report = await idle.over(run_id)

    assert (report["status"], report["cases"][0]["starts"], report["cases_done"]) == ("passed", 2, 1)
    assert len(await idle.events("case.completed")) == 1


async def test_a_case_whose_second_worker_is_lost_too_is_an_error_of_the_platform(idle: Executor) -> None:
    idle.target.hold()
    run_id = await idle.due(await idle.case(get("/held")))
    for n in (1, 2):
        worker = Worker()
        await claimed(worker)
        await until(lambda n=n: idle.target.count("/held") == n)  # type: ignore[misc]  # mypy infers no default's type
        await killed(worker)
        await idle.move_clock(LEASE_OVER * n)
        await reap()

    report = await idle.report(run_id)

    case = report["cases"][0]
    assert (case["status"], case["failure_class"], case["reason"]) == ("error", "platform", "worker_lost")
    assert (report["status"], report["pass_rate"]) == ("error", None)


async def test_a_case_that_must_not_be_sent_twice_is_not_started_again(idle: Executor) -> None:
    idle.target.hold()
    run_id = await idle.due(await idle.case(get("/held"), options={"on_worker_loss": "error"}))
    worker = Worker()
    await claimed(worker)
    await until(lambda: idle.target.count("/held") == 1)
    await killed(worker)

    await idle.move_clock(LEASE_OVER)
    await reap()

    case = (await idle.report(run_id))["cases"][0]
    assert (case["status"], case["reason"], case["starts"]) == ("error", "worker_lost", 1)


async def test_a_worker_that_lost_its_lease_writes_nothing(idle: Executor) -> None:
    case_id = await idle.case(get("/status/200"))
    run_id = await idle.due(case_id)
    slow, quick = Worker(), Worker()
    await claimed(slow)
    await until(lambda: bool(slow.writer.ends))
    await idle.move_clock(LEASE_OVER)
    await reap()

    await slow.write()
    assert await counts(idle) == {"status": "running", "cases_done": 0, "cases_total": 1}
    assert await idle.rows("SELECT 1 FROM step_result") == []

    await claimed(quick)
    await until(lambda: bool(quick.writer.ends))
    await quick.write()
    report = await idle.report(run_id)
    assert (report["status"], report["cases"][0]["starts"], report["cases_done"]) == ("passed", 2, 1)
    assert len((await idle.case_report(run_id, case_id))["steps"]) == 1
    await slow.http.close()
    await quick.http.close()


async def test_a_worker_notices_that_its_lease_is_lost_and_stops(idle: Executor) -> None:
    idle.target.hold()
    await idle.due(await idle.case(get("/held")))
    worker = Worker()
    await claimed(worker)
    await until(lambda: idle.target.count("/held") == 1)
    await idle.move_clock(LEASE_OVER)
    await reap()

    await worker.watch()

    assert not worker.held
    await worker.http.close()


async def test_a_lease_that_is_renewed_is_not_taken_back(idle: Executor) -> None:
    idle.target.hold()
    await idle.due(await idle.case(get("/held")))
    worker = Worker()
    await claimed(worker)
    await idle.move_clock(timedelta(seconds=50))
    await worker.watch()
    await idle.move_clock(timedelta(seconds=100))

    await reap()

    assert (await idle.rows("SELECT status, starts FROM case_run"))[0] == {"status": "running", "starts": 1}
    await killed(worker)


async def test_a_stopping_worker_gives_back_what_it_cannot_finish_and_the_start_does_not_count(
    idle: Executor, configured: pytest.MonkeyPatch
) -> None:
    configured.setenv("ROUNDS_GRACE_SECONDS", "0.2")
    settings.cache_clear()
    idle.target.hold()
    case_id = await idle.case(get("/status/200"), get("/held"))
    run_id = await idle.due(case_id)
    worker = Worker()
    await claimed(worker)
    await until(lambda: idle.target.count("/held") == 1)
    await worker.write()

    await worker.drain()

    row = (await idle.rows("SELECT status, starts, lease_token FROM case_run"))[0]
    assert row == {"status": "queued", "starts": 0, "lease_token": None}
    assert await idle.rows("SELECT 1 FROM step_result") == []
    idle.target.release()
    idle.start()
    report = await idle.over(run_id)
    assert (report["status"], report["cases"][0]["starts"]) == ("passed", 1)


async def test_what_a_worker_gives_back_of_a_cancelled_run_is_not_run_again(
    idle: Executor, configured: pytest.MonkeyPatch
) -> None:
    configured.setenv("ROUNDS_GRACE_SECONDS", "0.1")
    settings.cache_clear()
    idle.target.hold()
    run_id = await idle.due(await idle.case(get("/held")))
    stopping, other = Worker(), Worker()
    await claimed(stopping)
    await until(lambda: idle.target.count("/held") == 1)
    await idle.member.post(f"/runs/{run_id}/cancel")
    await stopping.drain()

    await other.work()

    assert not other.held
    report = await idle.report(run_id)
    assert (report["status"], report["cases_cancelled"], report["cases"][0]["status"]) == ("cancelled", 1, "cancelled")
    assert idle.target.count("/held") == 1
    await other.http.close()


async def test_a_cancellation_that_crosses_a_start_leaves_no_data_row_behind(idle: Executor) -> None:
    run_id = await idle.due(4711)
    async with database.transaction() as session:
        taken = await claims.claim(session, "worker", 1)
    await idle.case(get("/status/200"), id_=4711, data=[{"code": 200}, {"code": 201}])

    async def prepare() -> starts.Prepared:
        async with database.transaction() as session:
            return await starts.prepare(session, taken)

    async with database.transaction() as session:
        await lock_runs(session, [run_id])
        await cancel_locked(session, run_id)
        preparing = asyncio.create_task(prepare())
        await until(lambda: idle.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))

    assert (await preparing).ready == []
    report = await idle.report(run_id)
    assert (report["status"], report["cases_cancelled"], report["cases_total"]) == ("cancelled", 1, 1)


async def test_a_lease_is_renewed_while_its_case_run_is_being_written(idle: Executor) -> None:
    """Waiting for the row, while the writer waits for another that was renewed before, would be a deadlock."""
    cases = [await idle.case(get("/status/200")) for _ in range(2)]
    run_id = await idle.due(*cases, parallel=1)
    async with database.transaction() as session:
        held = {row["lease_token"]: row["run_id"] for row in await claims.claim(session, "worker", 2)}

    async with database.transaction() as writing:
        locking = text("SELECT 1 FROM case_run WHERE run_id = :run_id AND position = 0 FOR UPDATE")
        await writing.execute(locking, {"run_id": run_id})
        async with asyncio.timeout(5), database.transaction() as session:
            assert await claims.renew(session, "worker", held) == set(held)


async def test_a_document_that_is_forgotten_while_others_are_read_is_read_again(
    idle: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "COMPILED_KEPT", 1)
    first, *others = [await idle.case(get("/status/200")) for _ in range(3)]
    worker = Worker()
    reports = []
    for cases in ([first], [others[0], first, others[1]]):
        run_id = await idle.due(*cases, parallel=1)
        await claimed(worker)
        await until(lambda: len(worker.writer.ends) == len(worker.held))
        await worker.write()
        reports.append(await idle.report(run_id))

    assert [report["status"] for report in reports] == ["passed", "passed"]
    await worker.http.close()


async def test_what_could_not_be_prepared_goes_back_to_the_queue_at_once(idle: Executor) -> None:
    run_id = await idle.due(await idle.case(get("/status/200")))
    worker = Worker()

    async with database.transaction() as session:
        await lock_runs(session, [run_id])
        working = asyncio.create_task(worker.work())
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await until(lambda: idle.rows(cut))
        with pytest.raises(DBAPIError):
            await working

    assert await idle.rows("SELECT status, starts FROM case_run") == [{"status": "queued", "starts": 0}]
    await worker.http.close()


async def test_a_stopping_worker_finishes_what_it_can(idle: Executor) -> None:
    run_id = await idle.due(await idle.case(get("/slow?ms=200")))
    worker = Worker()
    await claimed(worker)

    await worker.drain()

    assert (await idle.report(run_id))["status"] == "passed"


async def test_a_case_past_its_deadline_is_ended_even_if_its_worker_goes_on(idle: Executor) -> None:
    idle.target.hold()
    run_id = await idle.due(await idle.case(get("/held"), options={"timeout_ms": 1000}))
    worker = Worker()
    await claimed(worker)
    await killed(worker)

    await idle.move_clock(timedelta(minutes=3))
    await reap()

    case = (await idle.report(run_id))["cases"][0]
    assert (case["status"], case["failure_class"]) == ("error", "timeout")


async def test_a_run_that_is_open_for_too_long_is_cancelled(idle: Executor) -> None:
    run_id = await idle.due(await idle.case(get("/status/200")), await idle.case(get("/status/200")))

    await idle.move_clock(timedelta(seconds=executor_settings().run_timeout_seconds + 1))
    await reap()

    report = await idle.report(run_id)
    assert (report["status"], report["reason"], report["cases_cancelled"]) == ("cancelled", "deadline", 2)


async def test_two_workers_share_the_queue_and_run_each_case_once(idle: Executor) -> None:
    cases = [await idle.case(get("/echo")) for _ in range(40)]
    run_id = await idle.due(*cases, parallel=1, max_parallel=40)
    second = Worker()
    idle.start()

    while (await idle.report(run_id))["status"] in {"queued", "running"}:
        await second.work()
        await second.write()

    assert (await idle.over(run_id))["cases_passed"] == 40
    assert idle.target.count("/echo") == 40
    await second.http.close()


async def test_projects_take_turns(idle: Executor, configured: pytest.MonkeyPatch) -> None:
    configured.setenv("ROUNDS_EXECUTOR_CONCURRENCY", "2")
    executor_settings.cache_clear()
    await idle.project(8, environment_id=4)
    await idle.environment(4, project_id=8)
    many = [await idle.case(get("/status/200")) for _ in range(10)]
    await idle.due(*many, parallel=1)
    await idle.due(await idle.case(get("/status/201"), project_id=8), environments=[])
    worker = Worker()

    await claimed(worker)

    projects = await idle.rows("SELECT DISTINCT project_id FROM case_run WHERE status = 'running' ORDER BY 1")
    assert [row["project_id"] for row in projects] == [7, 8]
    await killed(worker)


async def test_a_definition_that_is_behind_is_waited_for_and_then_the_platforms_fault(idle: Executor) -> None:
    run_id = await idle.due(4711)
    worker = Worker()

    await worker.work()
    assert (await idle.rows("SELECT status, starts FROM case_run"))[0] == {"status": "queued", "starts": 0}
    await idle.move_clock(timedelta(seconds=70))
    await worker.work()

    case = (await idle.report(run_id))["cases"][0]
    assert (case["status"], case["failure_class"], case["reason"]) == ("error", "platform", "definition_missing")


async def test_a_definition_that_comes_later_is_run_with_its_data_rows(executor: Executor) -> None:
    run_id = await executor.due(4711)
    await until(lambda: executor.rows("SELECT 1 FROM case_run WHERE missing_since IS NOT NULL"))

    await executor.case(get("/status/{{code}}"), id_=4711, data=[{"code": 200}, {"code": 201}])
    report = await executor.over(run_id)

    assert [(case["row"], case["status"]) for case in report["cases"]] == [(0, "passed"), (1, "passed")]
    assert report["cases_total"] == 2


async def test_cases_with_the_same_lock_never_run_at_the_same_time(executor: Executor) -> None:
    executor.target.hold()
    cases = [await executor.case(get("/held"), options={"locks": ["account"]}) for _ in range(3)]
    run_id = await executor.due(*cases, parallel=1)
    await until(lambda: executor.rows("SELECT 1 FROM case_run WHERE locked_since IS NOT NULL"))
    assert executor.target.count("/held") == 1

    executor.target.release()
    report = await executor.over(run_id)

    assert report["cases_passed"] == 3
    assert sum(case["lock_wait_ms"] > 0 for case in report["cases"]) == 2
    assert await executor.rows("SELECT 1 FROM held_lock") == []


async def test_a_case_that_gets_only_some_of_its_locks_holds_none_of_them(executor: Executor) -> None:
    executor.target.hold()
    holder = await executor.case(get("/held"), options={"locks": ["b"]})
    await executor.due(holder)
    await until(lambda: executor.target.count("/held") == 1)
    waiting = await executor.due(await executor.case(get("/status/201"), options={"locks": ["a", "b"]}))
    await until(lambda: executor.rows("SELECT 1 FROM case_run WHERE locked_since IS NOT NULL"))

    other = await executor.run(await executor.case(get("/status/200"), options={"locks": ["a"]}))

    assert (other["status"], executor.target.count("/status/201")) == ("passed", 0)
    executor.target.release()
    assert (await executor.over(waiting))["status"] == "passed"
