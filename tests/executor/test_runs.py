"""Runs from the due event to the report."""

from typing import Any
from uuid import uuid4

from uuid_utils.compat import uuid7

from tests.executor.conftest import PROJECT, Executor
from tests.support.wait import until

LOG_IN: dict[str, Any] = {
    "name": "log in",
    "type": "request",
    "request": {
        "method": "POST",
        "url": "{{base_url}}/login",
        "body": {"json": {"username": "bob", "password": "{{password}}"}},
    },
    "captures": [{"name": "token", "query": {"type": "jsonpath", "expr": "$.token"}}],
    "asserts": [{"query": {"type": "status"}, "predicate": "==", "value": 200}],
}
ORDER: dict[str, Any] = {
    "name": "order",
    "type": "request",
    "request": {"method": "GET", "url": "{{base_url}}/orders/5", "auth": {"type": "bearer", "token": "{{token}}"}},
    "asserts": [
        {"query": {"type": "jsonpath", "expr": "$.status"}, "predicate": "==", "value": "paid"},
        {"query": {"type": "jsonpath", "expr": "$.items[*]"}, "predicate": "count", "value": 2},
    ],
}


def get(path: str, *asserts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": path,
        "type": "request",
        "request": {"method": "GET", "url": f"{{{{base_url}}}}{path}"},
        "asserts": list(asserts),
        **more,
    }


async def test_a_due_task_is_run_judged_and_stored_with_masked_secrets(executor: Executor) -> None:
    await executor.environment(revision=2, secrets={"password": "secret"})
    case_id = await executor.case(LOG_IN, ORDER)

    report = await executor.run(case_id)

    assert (report["status"], report["cases_total"], report["pass_rate"], report["final"]) == ("passed", 1, 100, True)
    assert report["environments"] == {"7": {"id": 3, "name": "qa", "revision": 2}}
    assert executor.target.count("/orders/5") == 1
    detail = await executor.case_report(report["run_id"], case_id)
    assert [step["status"] for step in detail["steps"]] == ["passed", "passed"]
    assert '"password":"***"' in detail["steps"][0]["request"]["body"]
    assert detail["steps"][0]["request"]["masked"] == [{"pointer": "/body", "name": "password"}]
    assert {"name": "token", "source": "captured", "step": "1", "value": "t0ken-of-the-target"} in detail["variables"]
    assert {"name": "password", "source": "environment", "step": None, "value": "***"} in detail["variables"]
    assert detail["definition"]["name"] == report["cases"][0]["name"]


async def test_a_run_states_its_start_its_cases_and_its_end_in_order(executor: Executor) -> None:
    first, second = await executor.case(get("/status/200")), await executor.case(get("/status/500"))

    report = await executor.run(first, second)

    assert report["status"] == "failed"
    topics = [row["topic"] for row in await executor.rows("SELECT topic FROM outbox ORDER BY id")]
    assert topics == ["run.started", "case.completed", "case.completed", "run.completed"]
    completed = (await executor.events("run.completed"))[0]
    assert (completed["status"], completed["pass_rate"], completed["owner_ids"]) == ("failed", 50.0, [2])
    assert [(case["case_id"], case["status"]) for case in completed["cases"]] == [(first, "passed"), (second, "failed")]
    assert completed["report_path"] == f"/console/runs/{report['run_id']}"


async def test_a_due_event_delivered_twice_makes_one_run(executor: Executor) -> None:
    case_id = await executor.case(get("/status/200"))
    run_id = uuid7()

    await executor.due(case_id, run_id=run_id, id_=uuid4())
    await executor.due(case_id, run_id=run_id, id_=uuid4())
    await executor.over(run_id)

    assert executor.target.count("/status/200") == 1
    assert len(await executor.events("run.completed")) == 1


async def test_serial_cases_run_one_after_the_other_in_order(executor: Executor) -> None:
    paths = [f"/status/{200 + n}" for n in range(5)]
    cases = [await executor.case(get(path)) for path in paths]

    await executor.run(*reversed(cases))

    assert [request.path for request in executor.target.requests] == paths[::-1]


async def test_parallel_cases_run_at_the_same_time_up_to_the_cap(executor: Executor) -> None:
    executor.target.hold()
    cases = [await executor.case(get("/held")) for _ in range(5)]

    run_id = await executor.due(*cases, parallel=1, max_parallel=3)

    await until(lambda: executor.target.count("/held") == 3)
    found = await executor.rows("SELECT status FROM case_run WHERE run_id = :run_id", run_id=run_id)
    assert sorted(row["status"] for row in found) == ["running"] * 3 + ["waiting"] * 2
    executor.target.release()
    assert (await executor.over(run_id))["cases_passed"] == 5


async def test_fifty_cases_that_end_at_once_close_their_run_exactly_once(executor: Executor) -> None:
    executor.target.hold()
    cases = [await executor.case(get("/held")) for _ in range(50)]
    run_id = await executor.due(*cases, parallel=1, max_parallel=50)
    await until(lambda: executor.target.count("/held") == 50)

    executor.target.release()
    report = await executor.over(run_id)

    assert (report["cases_done"], report["cases_passed"]) == (50, 50)
    assert len(await executor.events("run.completed")) == 1
    assert len(await executor.events("case.completed")) == 50


async def test_each_data_row_is_a_case_run_of_its_own(executor: Executor) -> None:
    case_id = await executor.case(get("/status/{{code}}"), data=[{"code": 200}, {"code": 500}, {"code": 201}])

    report = await executor.run(case_id)

    assert [(case["row"], case["status"]) for case in report["cases"]] == [(0, "passed"), (1, "failed"), (2, "passed")]
    refused = await executor.member.get(f"/runs/{report['run_id']}/cases/{case_id}")
    assert (refused.status_code, refused.json()["code"]) == (400, "row_required")
    detail = await executor.case_report(report["run_id"], case_id, row=1)
    assert detail["steps"][0]["response"]["status"] == 500
    completed = (await executor.events("run.completed"))[0]
    assert (completed["cases_total"], len(completed["cases"]), completed["cases"][0]["status"]) == (3, 1, "failed")


async def test_a_run_of_nothing_is_an_error_at_birth(executor: Executor) -> None:
    report = await executor.run()

    assert (report["status"], report["reason"], report["pass_rate"]) == ("error", "nothing_ran", None)
    assert (await executor.events("run.completed"))[0]["reason"] == "nothing_ran"


async def test_a_run_of_more_cases_than_its_event_has_room_for_ends_and_tells_those_that_failed(idle: Executor) -> None:
    run_id = await idle.due(*range(100_000, 104_000))
    await idle.rows(
        """WITH ended AS (UPDATE case_run SET status = 'error' WHERE run_id = :run_id AND position = 3999 RETURNING 1)
           UPDATE run SET cases_done = 1, cases_error = 1 WHERE run_id = :run_id AND EXISTS (SELECT 1 FROM ended)
           RETURNING 1""",
        run_id=run_id,
    )
    superuser = await idle.user(9, is_superuser=True)

    assert (await superuser.post(f"/runs/{run_id}/cancel")).json()["status"] == "cancelled"

    (completed,) = await idle.events("run.completed")
    assert (completed["cases_total"], completed["cases_error"], len(completed["cases"])) == (4000, 1, 1000)
    assert [case["case_id"] for case in completed["cases"]] == [*range(100_000, 100_999), 103_999]


async def test_the_rest_of_a_case_is_skipped_after_a_failed_step_and_other_cases_go_on(executor: Executor) -> None:
    broken = await executor.case(get("/status/500"), get("/status/201"), teardown=[get("/status/202")])
    fine = await executor.case(get("/status/203"))

    report = await executor.run(broken, fine)

    assert [case["status"] for case in report["cases"]] == ["failed", "passed"]
    steps = (await executor.case_report(report["run_id"], broken))["steps"]
    assert [(step["status"], step["skip_reason"], step["phase"]) for step in steps] == [
        ("failed", None, "main"),
        ("skipped", "not_reached", "main"),
        ("passed", None, "teardown"),
    ]


async def test_only_failed_steps_keep_their_log_where_that_is_wanted(executor: Executor) -> None:
    case_id = await executor.case(get("/status/200"), get("/status/500"))

    report = await executor.run(case_id, only_failed_log=True)

    passed, failed = (await executor.case_report(report["run_id"], case_id))["steps"]
    assert (passed["request"], passed["response"], passed["log_dropped"]) == (None, None, True)
    assert failed["response"]["status"] == 500
    assert len(await executor.rows("SELECT 1 FROM green_step")) == 1


async def test_a_deleted_case_is_an_error_that_says_so(executor: Executor) -> None:
    case_id = await executor.case(get("/status/200"))
    await executor.rows("UPDATE known_case SET deleted = true RETURNING id")

    report = await executor.run(case_id)

    case = report["cases"][0]
    assert (case["status"], case["failure_class"], case["reason"]) == ("error", "config", "case_deleted")


async def test_lists_are_filtered_and_page_by_cursor(executor: Executor) -> None:
    case_id = await executor.case(get("/status/200"))
    runs = [(await executor.run(case_id, task_id=n % 2 + 1))["run_id"] for n in range(5)]

    first = (await executor.member.get("/runs", params={"limit": 3, "project_id": PROJECT})).json()
    rest = (await executor.member.get("/runs", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    of_task = (await executor.member.get("/runs", params={"task_id": 1, "case_id": case_id, "owner": "me"})).json()

    assert [run["run_id"] for run in first["data"] + rest["data"]] == runs[::-1]
    assert rest["next_cursor"] is None
    assert [run["run_id"] for run in of_task["data"]] == runs[::2][::-1]
