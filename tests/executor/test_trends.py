"""How cases, tasks and projects did: last results, days, rates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.scheduler import EnvironmentChoice
from kit.partitions import first_uuid7
from services.executor.loops.house import sum_days
from tests.executor.conftest import PROJECT, Executor
from tests.executor.test_reports import tried
from tests.executor.test_runs import get


async def test_trends_tell_pass_rate_and_durations_per_day(executor: Executor) -> None:
    case_id = await executor.case(get("/flaky?fails=1"))
    await executor.run(case_id)
    await executor.run(case_id)

    for by in ({"case_id": case_id}, {"task_id": 1}, {"project_id": PROJECT}):
        day = (await executor.member.get("/runs/trends", params=by)).json()["data"][0]
        assert (day["total"], day["passed"], day["failed"], day["pass_rate"]) == (2, 1, 1, 50)
        assert day["duration_ms_p95"] >= day["duration_ms_p50"] >= 0
    assert (await executor.member.get("/runs/trends")).json()["code"] == "missing_parameter"


async def test_the_cases_of_a_project_that_failed_last_are_found(executor: Executor) -> None:
    fails, recovers, passes = [
        await executor.case(get(path)) for path in ("/status/500", "/flaky?fails=1", "/status/200")
    ]
    await executor.run(fails, recovers, passes, failed_stop=False)

    async def last(**query: Any) -> list[int]:
        answer = await executor.member.get("/runs/last", params=query)
        return [one["case_id"] for one in answer.json()["data"]]

    assert set(await last(project_id=PROJECT, status="failed")) == {fails, recovers}
    await executor.run(recovers)
    assert await last(project_id=PROJECT, status="failed") == [fails]
    assert await last(project_id=PROJECT, status="passed") == [recovers, passes]
    assert await last(project_id=99, status="failed") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "case_ids"),
        ({"status": "failed"}, "case_ids"),
        ({"project_id": 1}, "status"),
        ({"case_ids": "1", "project_id": 1, "status": "failed"}, "project_id"),
        ({"case_ids": "1", "status": "failed"}, "status"),
        ({"project_id": 1, "status": "queued"}, "status"),
    ],
)
async def test_last_results_are_asked_for_by_cases_or_by_project_and_status(
    executor: Executor, query: dict[str, Any], field: str
) -> None:
    answer = await executor.member.get("/runs/last", params=query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


async def test_pass_rates_of_projects_sum_days_that_are_over_and_today(executor: Executor) -> None:
    async def rates(ids: str, days: int = 7) -> list[tuple[Any, ...]]:
        answer = await executor.member.get("/runs/rates", params={"project_ids": ids, "days": days})
        columns = ("project_id", "passed", "failed", "error", "pass_rate")
        return [tuple(one[name] for name in columns) for one in answer.json()["data"]]

    case_id = await executor.case(get("/flaky?fails=1"))
    await executor.run(case_id)
    assert await rates(f"{PROJECT},99") == [(PROJECT, 0, 1, 0, 0), (99, 0, 0, 0, None)]

    await executor.move_clock(timedelta(days=2))
    while await sum_days() == 0:
        pass
    await executor.run(case_id, run_id=first_uuid7(datetime.now(UTC) + timedelta(days=2)))
    await tried(executor, get("/status/200"))

    assert await rates(f"99,{PROJECT}") == [(99, 0, 0, 0, None), (PROJECT, 1, 1, 0, 50)]
    assert await rates(f"{PROJECT}", days=1) == [(PROJECT, 1, 0, 0, 100)]


@pytest.mark.parametrize("ids", ["", "1,x", "1,,2", "-1", "1.0", "²", "99999999999", ",".join(["1"] * 201)])
async def test_a_faulty_list_of_ids_is_refused(executor: Executor, ids: str) -> None:
    for path, name in (("/runs/last", "case_ids"), ("/runs/rates", "project_ids")):
        answer = await executor.member.get(path, params={name: ids})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)


async def test_a_day_that_is_over_is_summed_once_and_outlives_its_runs(executor: Executor) -> None:
    case_id = await executor.case(get("/flaky?fails=1"))
    await executor.run(case_id)
    await executor.run(case_id)
    await executor.environment(4)
    await executor.run(case_id, environments=[EnvironmentChoice(project_id=PROJECT, environment_id=4)])
    keys = ({"case_id": case_id}, {"case_id": case_id, "environment_id": 4}, {"task_id": 1}, {"project_id": PROJECT})

    async def days() -> list[Any]:
        return [(await executor.member.get("/runs/trends", params=key)).json()["data"] for key in keys]

    before = await days()
    await executor.move_clock(timedelta(days=2))
    while await sum_days() == 0:
        pass
    for table in ("step_result", "case_definition", "case_run", "run"):
        await executor.rows(f"DELETE FROM {table} RETURNING 1")

    assert [[(day["total"], day["passed"]) for day in of_key] for of_key in before] == [
        [(3, 2)],
        [(1, 1)],
        [(3, 2)],
        [(3, 2)],
    ]
    assert await days() == before
    faulty = await executor.member.get("/runs/trends", params={"task_id": 1, "environment_id": 4})
    assert [one["field"] for one in faulty.json()["errors"]] == ["environment_id"]
