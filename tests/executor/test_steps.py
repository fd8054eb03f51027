"""What each type of step does."""

import time
from typing import Any
from urllib.parse import parse_qsl

from tests.executor.conftest import Executor
from tests.executor.test_runs import get
from tests.support.wait import until


def set_(**variables: Any) -> dict[str, Any]:
    return {"name": "set", "type": "set", "variables": variables}


def group(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "group", "type": "group", "steps": list(steps), **more}


def call(case_id: int, **variables: Any) -> dict[str, Any]:
    return {"name": "call", "type": "call", "case_id": case_id, "variables": variables}


def status(code: int) -> dict[str, Any]:
    return {"query": {"type": "status"}, "predicate": "==", "value": code}


def post(body: dict[str, Any], **request: Any) -> dict[str, Any]:
    return {
        "name": "post",
        "type": "request",
        "request": {"method": "POST", "url": "{{base_url}}/echo", "body": body, **request},
        "asserts": [status(200)],
    }


def outline(steps: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(step["path"], step["status"], step["skip_reason"] or step["failure_class"]) for step in steps]


async def test_for_each_runs_its_steps_once_per_item_and_each_iteration_is_a_step(executor: Executor) -> None:
    steps = await executor.steps(
        set_(codes=[200, 201]),
        group(get("/status/{{code}}"), for_each={"in": "{{codes}}", "as": "code"}),
    )

    assert outline(steps) == [
        ("1", "passed", None),
        ("2", "passed", None),
        ("2.1.1", "passed", None),
        ("2.2.1", "passed", None),
    ]
    assert [step["iteration"] for step in steps] == [None, None, 1, 2]
    assert [request.path for request in executor.target.requests] == ["/status/200", "/status/201"]


async def test_for_each_over_more_items_than_its_max_runs_nothing(executor: Executor) -> None:
    steps = await executor.steps(group(get("/status/200"), for_each={"in": [1, 2, 3], "as": "n", "max": 2}))

    assert outline(steps) == [("1", "error", "config")]
    assert executor.target.requests == []


async def test_repeat_until_goes_on_until_its_condition_holds(executor: Executor) -> None:
    flaky = get(
        "/flaky?fails=2",
        {"query": {"type": "status"}, "predicate": "<", "value": 600},
        captures=[{"name": "seen", "query": {"type": "jsonpath", "expr": "$.requests"}, "optional": True}],
    )
    until_seen = {"query": {"type": "variable", "expr": "seen"}, "predicate": "exists", "max": 5, "interval_ms": 1}

    steps = await executor.steps(group(flaky, repeat_until=until_seen))

    assert outline(steps) == [("1", "passed", None), *((f"1.{n}.1", "passed", None) for n in (1, 2, 3))]


async def test_repeat_until_that_is_never_met_fails_the_group(executor: Executor) -> None:
    condition = {"query": {"type": "variable", "expr": "x"}, "predicate": "==", "value": 1, "max": 2, "interval_ms": 1}

    steps = await executor.steps(group(set_(x=2), repeat_until=condition), get("/status/200"))

    assert outline(steps)[0] == ("1", "failed", "assertion")
    assert outline(steps)[-1] == ("2", "skipped", "not_reached")


async def test_when_and_enabled_decide_whether_a_step_runs(executor: Executor) -> None:
    exists = {"query": {"type": "variable", "expr": "token"}, "predicate": "exists"}

    steps = await executor.steps(
        get("/status/200", when=exists), get("/status/201", enabled=False), group(get("/status/202"), when=exists)
    )

    assert outline(steps) == [
        ("1", "skipped", "when"),
        ("2", "skipped", "disabled"),
        ("3", "skipped", "when"),
        ("3.1", "skipped", "when"),
    ]


async def test_a_called_case_sees_what_it_is_given_and_leaves_what_it_captured(executor: Executor) -> None:
    capture = {"name": "echoed", "query": {"type": "jsonpath", "expr": "$.body"}}
    inner = await executor.case(
        {**post({"text": "{{user}}-{{own}}"}), "captures": [capture]}, variables={"own": "o", "user": "nobody"}
    )
    outer = await executor.case(call(inner, user="bob"), post({"text": "{{echoed}}"}), calls=[inner])

    report = await executor.run(outer)

    detail = await executor.case_report(report["run_id"], outer)
    assert outline(detail["steps"]) == [("1", "passed", None), ("1.1", "passed", None), ("2", "passed", None)]
    assert [request.body for request in executor.target.requests] == [b"bob-o", b"bob-o"]
    assert {variable["name"] for variable in detail["variables"]} >= {"echoed"}
    assert "user" not in {variable["name"] for variable in detail["variables"]}
    assert detail["definition"]["called"][str(inner)]["revision"] == 1
    assert report["cases"][0]["steps_total"] == 2


async def test_calls_in_a_circle_are_refused_when_run(executor: Executor) -> None:
    first, second = 501, 502
    await executor.case(call(second), id_=first, calls=[second])
    await executor.case(call(first), id_=second, calls=[first])

    report = await executor.run(first)

    steps = (await executor.case_report(report["run_id"], first))["steps"]
    assert outline(steps)[-1] == ("1.1", "error", "config")


async def test_a_step_is_tried_again_until_it_passes_and_every_try_is_kept(executor: Executor) -> None:
    steps = await executor.steps(
        get("/flaky?fails=2", status(200), options={"retry": {"max": 3, "interval_ms": 1}}),
    )

    assert (steps[0]["status"], steps[0]["tries"], steps[0]["flaky"]) == ("passed", 3, True)
    assert [one["response"]["status"] for one in steps[0]["earlier"]] == [503, 503]


async def test_a_case_is_tried_again_as_a_whole_and_every_try_is_kept(executor: Executor) -> None:
    case_id = await executor.case(
        set_(x=1), get("/flaky?fails=1", status(200)), options={"retry": {"max": 2, "interval_ms": 1}}
    )

    report = await executor.run(case_id)

    case = report["cases"][0]
    assert (case["status"], case["flaky"], case["tries"], case["steps_total"]) == ("passed", True, 2, 2)
    steps = (await executor.case_report(report["run_id"], case_id))["steps"]
    assert [(step["case_try"], step["path"], step["status"]) for step in steps] == [
        (1, "1", "passed"),
        (1, "2", "failed"),
        (2, "1", "passed"),
        (2, "2", "passed"),
    ]


async def test_cookies_live_as_long_as_a_case_run(executor: Executor) -> None:
    first = await executor.case(get("/cookie?name=a&value=1"), get("/echo"))
    second = await executor.case(get("/echo"))

    await executor.run(first, second)

    sent = [dict(request.headers).get("Cookie") for request in executor.target.requests]
    assert sent == [None, "a=1", None]


async def test_bodies_and_their_types(executor: Executor) -> None:
    await executor.steps(
        post({"json": {"b": [1, None], "a": "{{$env.name}}"}}),
        post({"text": "plain {{base_url}}"}),
        post({"form": {"a b": "1&2", "c": "ü"}}),
        post({"graphql": {"query": "{me}", "variables": {"n": 1}}}),
        post({"multipart": [{"name": "f", "base64": "AAE=", "filename": "x.bin", "content_type": "image/png"}]}),
    )

    bodies = [request.body for request in executor.target.requests]
    types = [dict(request.headers)["Content-Type"] for request in executor.target.requests]
    assert bodies[:2] == [b'{"b":[1,null],"a":"qa"}', f"plain {executor.target.url}".encode()]
    assert parse_qsl(bodies[2].decode()) == [("a b", "1&2"), ("c", "ü")]
    assert bodies[3] == b'{"query":"{me}","variables":{"n":1}}'
    assert b'name="f"; filename="x.bin"\r\nContent-Type: image/png\r\n\r\n\x00\x01\r\n' in bodies[4]
    assert types[:4] == [
        "application/json",
        "text/plain; charset=utf-8",
        "application/x-www-form-urlencoded",
        "application/json",
    ]
    assert types[4].startswith("multipart/form-data; boundary=")


async def test_ways_to_authenticate(executor: Executor) -> None:
    ways: list[dict[str, Any]] = [
        {"type": "bearer", "token": "t"},
        {"type": "basic", "username": "ü", "password": "p"},
        {"type": "api_key", "in": "header", "name": "X-Key", "value": "k"},
        {"type": "api_key", "in": "query", "name": "key", "value": "k v"},
    ]

    await executor.steps(*(post({"text": ""}, auth=way) for way in ways))

    requests = executor.target.requests
    assert dict(requests[0].headers)["Authorization"] == "Bearer t"
    assert dict(requests[1].headers)["Authorization"] == "Basic w7w6cA=="
    assert dict(requests[2].headers)["X-Key"] == "k"
    assert requests[3].query == [("key", "k v")]


async def test_a_token_by_client_credentials_without_a_token_in_the_answer_is_a_fault_of_configuration(
    executor: Executor,
) -> None:
    auth = {
        "type": "oauth2_client_credentials",
        "token_url": "{{base_url}}/echo",
        "client_id": "c",
        "client_secret": "secret-of-client",
    }

    steps = await executor.steps(post({"text": ""}, auth=auth))

    assert outline(steps) == [("1", "error", "config")]
    assert executor.target.requests[0].body.startswith(b"grant_type=client_credentials&client_id=c&client_secret=")


async def test_headers_of_the_environment_are_sent_and_repeated_ones_are_kept(executor: Executor) -> None:
    await executor.environment(revision=2, headers={"X-Env": "qa", "X-Both": "environment"})

    steps = await executor.steps(
        post({"text": ""}, headers=[["X-Both", "step"], ["X-Many", "1"], ["X-Many", "2"]], query={"a": "b/c", "d": ""})
    )

    sent = executor.target.requests[0]
    assert [pair for pair in sent.headers if pair[0].startswith("X-")] == [
        ("X-Env", "qa"),
        ("X-Both", "step"),
        ("X-Many", "1"),
        ("X-Many", "2"),
    ]
    assert sent.query == [("a", "b/c"), ("d", "")]
    assert ["X-Many", "2"] in steps[0]["request"]["headers"]


async def test_an_undefined_variable_is_an_error_that_names_step_and_field(executor: Executor) -> None:
    steps = await executor.steps(post({"json": {"a": [{"b": "{{nobody}}"}]}}))

    assert outline(steps) == [("1", "error", "template")]
    assert steps[0]["error"].startswith("request.body.json.a[0].b: nobody is not defined; give it a value in the case")
    assert executor.target.requests == []


async def test_the_first_failure_is_told_in_few_words(executor: Executor) -> None:
    wrong = {"query": {"type": "jsonpath", "expr": "$.path"}, "predicate": "==", "value": "/other"}
    case_id = await executor.case(get("/echo", status(200), wrong))

    await executor.run(case_id)

    assert (await executor.events("case.completed"))[0]["first_failure"] == {
        "path": "1",
        "name": "/echo",
        "message": 'jsonpath $.path == "/other"',
        "expected": '"/other"',
        "actual": '"/echo"',
    }


async def test_a_failed_teardown_makes_a_passed_case_failed(executor: Executor) -> None:
    case_id = await executor.case(get("/status/200"), teardown=[get("/status/500")])

    report = await executor.run(case_id)

    case = report["cases"][0]
    assert (case["status"], case["reason"], case["pass_rate"], case["steps_total"]) == ("failed", "teardown", 100, 1)


async def test_a_case_that_takes_too_long_is_cut_and_its_teardown_runs(executor: Executor) -> None:
    executor.target.hold()
    case_id = await executor.case(
        get("/held"), get("/status/201"), teardown=[get("/status/202")], options={"timeout_ms": 300}
    )

    began = time.monotonic()
    report = await executor.run(case_id)

    assert time.monotonic() - began < 5
    case = report["cases"][0]
    assert (case["status"], case["failure_class"], case["reason"]) == ("error", "timeout", "case_timeout")
    steps = (await executor.case_report(report["run_id"], case_id))["steps"]
    assert outline(steps) == [
        ("1", "error", "timeout"),
        ("2", "skipped", "case_timeout"),
        ("t1", "passed", None),
    ]


async def test_a_variable_of_a_later_source_wins_and_the_report_tells_where_it_came_from(executor: Executor) -> None:
    await executor.project(revision=2, variables={"a": "project", "b": "project"})
    await executor.environment(revision=2, variables={"b": "environment", "c": "environment"})
    case_id = await executor.case(set_(d="set"), variables={"c": "case", "d": "case"})

    report = await executor.run(case_id)

    variables = (await executor.case_report(report["run_id"], case_id))["variables"]
    found = {one["name"]: (one["value"], one["source"]) for one in variables}
    assert {name: found[name] for name in "abcd"} == {
        "a": ("project", "project"),
        "b": ("environment", "environment"),
        "c": ("case", "case"),
        "d": ("set", "set"),
    }


async def test_cases_of_a_run_that_share_nothing_run_side_by_side(executor: Executor) -> None:
    executor.target.hold()
    runs = [await executor.due(await executor.case(get("/held"))) for _ in range(10)]

    await until(lambda: executor.target.count("/held") == 10)

    executor.target.release()
    assert [(await executor.over(run_id))["status"] for run_id in runs] == ["passed"] * 10
