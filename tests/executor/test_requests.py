"""Runs that people ask for over HTTP: who may, what is refused, cancelling, running again."""

import time
from typing import Any

import pytest

from tests.executor.conftest import MEMBER, Executor
from tests.executor.test_runs import get
from tests.support.wait import until


async def asked(executor: Executor, body: dict[str, Any], **headers: str) -> Any:
    return await executor.member.post("/runs", json=body, headers=headers)


async def test_a_member_runs_cases_and_reads_the_report(executor: Executor) -> None:
    case_id = await executor.case(get("/status/200"))

    answer = await asked(executor, {"case_ids": [case_id]})

    assert answer.status_code == 202
    started = answer.json()
    assert started == {"run_id": started["run_id"], "status": "queued", "url": f"/runs/{started['run_id']}"}
    report = await executor.over(started["run_id"])
    assert (report["status"], report["trigger"], report["requested_by"]) == ("passed", "api", MEMBER)
    assert report["cases"][0]["project"] == {"id": 7, "name": "项目7"}


async def test_an_idempotency_key_gives_the_same_run_again(idle: Executor) -> None:
    case_id = await idle.case(get("/status/200"))

    first = await asked(idle, {"case_ids": [case_id]}, **{"Idempotency-Key": "k"})
    second = await asked(idle, {"case_ids": [case_id]}, **{"Idempotency-Key": "k"})
    other = await asked(idle, {"case_ids": [case_id], "parallel": 1}, **{"Idempotency-Key": "k"})

    assert first.json() == second.json()
    assert len(await idle.rows("SELECT 1 FROM run")) == 1
    assert (other.status_code, other.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"case_ids": []}, "case_ids", "out_of_range"),
        ({"case_ids": [1, 1]}, "case_ids", "repeated"),
        ({"case_ids": [True]}, "case_ids[0]", "wrong_type"),
        ({"case_ids": ["1"]}, "case_ids[0]", "wrong_type"),
        ({"case_ids": [1], "parallel": 2}, "parallel", "out_of_range"),
        ({"case_ids": [1], "max_parallel": 0}, "max_parallel", "out_of_range"),
        ({"case_ids": [1], "environments": {"x": 1}}, "environments", "wrong_type"),
        ({"case_ids": [1], "colour": "red"}, "colour", "unknown_field"),
    ],
)
async def test_bad_bodies_are_refused_by_field_and_reason(
    idle: Executor, body: dict[str, Any], field: str, reason: str
) -> None:
    answer = await asked(idle, body)

    assert answer.status_code == 400
    fault = answer.json()["errors"][0]
    assert (fault["field"], fault["reason"]) == (field, reason)
    assert await idle.rows("SELECT 1 FROM run") == []


async def test_a_body_without_cases_misses_a_parameter(idle: Executor) -> None:
    answer = await asked(idle, {})

    assert (answer.status_code, answer.json()["code"]) == (400, "missing_parameter")


async def test_an_unknown_case_cannot_be_refused_while_the_catalog_is_away(idle: Executor) -> None:
    answer = await asked(idle, {"case_ids": [4711]})

    assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
    assert answer.headers["Retry-After"]


async def test_an_environment_of_another_project_is_unknown(idle: Executor) -> None:
    await idle.project(8)
    await idle.environment(4, project_id=8)
    case_id = await idle.case(get("/status/200"))

    answer = await asked(idle, {"case_ids": [case_id], "environments": {"7": 4}})

    assert answer.status_code == 400
    fault = answer.json()["errors"][0]
    assert (fault["field"], fault["reason"], fault["ids"]) == ("environments.7", "unknown_ids", [4])


async def test_who_is_no_member_may_read_but_neither_run_nor_cancel_nor_run_again(executor: Executor) -> None:
    case_id = await executor.case(get("/status/200"))
    run_id = (await executor.run(case_id))["run_id"]
    stranger = await executor.user(9)

    assert (await stranger.get(f"/runs/{run_id}")).status_code == 200
    assert (await stranger.get(f"/runs/{run_id}/cases/{case_id}")).status_code == 200
    refused = await stranger.post("/runs", json={"case_ids": [case_id]})
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    (fault,) = refused.json()["errors"]
    assert (fault["field"], fault["reason"], fault["ids"]) == ("case_ids", "not_a_member", [case_id])
    assert (await stranger.post(f"/runs/{run_id}/cancel")).status_code == 403
    assert (await stranger.post(f"/runs/{run_id}/rerun")).status_code == 403


async def test_unknown_runs_and_cases_are_not_found(executor: Executor) -> None:
    unknown = "01a20e57-db24-7711-b422-2d59d929fed5"
    run_id = (await executor.run(await executor.case(get("/status/200"))))["run_id"]

    for path in (f"/runs/{unknown}", f"/runs/{unknown}/cases/1", f"/runs/{run_id}/cases/4711"):
        assert (await executor.member.get(path)).status_code == 404
    assert (await executor.member.post(f"/runs/{unknown}/cancel")).status_code == 404
    assert (await executor.member.get("/runs/no-uuid")).status_code == 400


async def test_a_cancelled_run_ends_within_five_seconds_and_its_teardown_runs(executor: Executor) -> None:
    executor.target.hold()
    held = await executor.case(get("/held"), get("/status/201"), teardown=[get("/status/202")])
    waiting = await executor.case(get("/status/203"))
    run_id = await executor.due(held, waiting)
    await until(lambda: executor.target.count("/held") == 1)

    began = time.monotonic()
    answer = await executor.member.post(f"/runs/{run_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    report = await executor.over(run_id)

    assert time.monotonic() - began < 5
    assert (report["status"], report["final"], report["cases_cancelled"]) == ("cancelled", True, 2)
    assert [case["status"] for case in report["cases"]] == ["cancelled", "cancelled"]
    assert [executor.target.count(f"/status/{code}") for code in (201, 202, 203)] == [0, 1, 0]
    assert [event["status"] for event in await executor.events("run.completed")] == ["cancelled"]


async def test_a_run_that_has_not_begun_is_cancelled_at_once(idle: Executor) -> None:
    run_id = await idle.due(await idle.case(get("/status/200")), await idle.case(get("/status/200")))

    answer = await idle.member.post(f"/runs/{run_id}/cancel")

    assert answer.json()["status"] == "cancelled"
    again = await idle.member.post(f"/runs/{run_id}/cancel")
    assert (again.status_code, again.json()["code"], again.json()["status"]) == (409, "run_over", "cancelled")
    assert len(await idle.events("run.completed")) == 1
    assert len(await idle.events("case.completed")) == 2


async def test_only_failed_cases_are_run_again_if_that_is_wanted(executor: Executor) -> None:
    fine, broken = await executor.case(get("/status/200")), await executor.case(get("/flaky?fails=1"))
    first = await executor.run(fine, broken)
    assert first["status"] == "failed"

    answer = await executor.member.post(f"/runs/{first['run_id']}/rerun", params={"only": "failed"})
    again = await executor.over(answer.json()["run_id"])
    nothing = await executor.member.post(f"/runs/{again['run_id']}/rerun", params={"only": "failed"})

    assert (again["status"], again["trigger"], again["rerun_of"]) == ("passed", "rerun", first["run_id"])
    assert [case["case_id"] for case in again["cases"]] == [broken]
    assert nothing.status_code == 400
    listed = (await executor.member.get("/runs", params={"limit": 1})).json()["data"][0]
    assert (listed["new"], listed["recovered"]) == (0, 1)
    last = (await executor.member.get("/runs/last", params={"case_ids": f"{fine},{broken}"})).json()["data"]
    assert {one["case_id"]: one["run_id"] for one in last} == {fine: first["run_id"], broken: again["run_id"]}


async def test_the_scheduler_is_told_how_a_run_stands(executor: Executor) -> None:
    run_id = (await executor.run(await executor.case(get("/status/200"))))["run_id"]
    service = {"Authorization": "Service service-token-of-tests"}

    answer = await executor.member.get(f"/internal/executor/runs/{run_id}", headers=service)

    assert (answer.json()["status"], answer.json()["final"]) == ("passed", True)
    assert answer.json()["completed"] == (await executor.events("run.completed"))[0]
    assert (await executor.member.get(f"/internal/executor/runs/{run_id}")).status_code == 401


async def test_workers_and_the_queue_can_be_seen(idle: Executor) -> None:
    await idle.due(await idle.case(get("/status/200")))

    seen = (await idle.member.get("/runs/workers")).json()

    assert (seen["queued"], seen["workers"]) == (1, [])
    assert seen["oldest_queued_at"]
