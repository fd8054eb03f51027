"""What can be read of runs beside their plain reports: differences, trends, bodies, exports, and as they go on."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy.event import listen, remove

from services.executor.loops.viewers import greet_viewers
from services.executor.main import service
from services.executor.settings import executor_settings
from tests.executor.conftest import PROJECT, Executor
from tests.executor.test_runs import get
from tests.executor.test_steps import post, status
from tests.support.wait import until


def document(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"apiVersion": "rounds/v1", "kind": "Case", "name": "tried", "steps": list(steps), **more}


async def tried(executor: Executor, *steps: dict[str, Any], **body: Any) -> httpx.Response:
    return await executor.member.post("/runs", json={"document": document(*steps), "project_id": PROJECT, **body})


async def test_a_document_that_is_not_saved_is_tried_and_shown_to_its_author_only(executor: Executor) -> None:
    answer = await tried(executor, get("/status/200"), get("/status/201"), until_step="1")
    run_id = answer.json()["run_id"]

    report = await executor.over(run_id)
    steps = (await executor.case_report(run_id, 0))["steps"]

    assert (answer.status_code, report["status"]) == (202, "passed")
    assert [(step["status"], step["skip_reason"]) for step in steps] == [("passed", None), ("skipped", "until_step")]
    assert (await executor.member.get("/runs")).json()["data"] == []
    stranger = await executor.user(9)
    assert (await stranger.get(f"/runs/{run_id}")).status_code == 404
    assert (await stranger.get(f"/runs/{run_id}/cases/0")).status_code == 404
    assert await executor.rows("SELECT 1 FROM outbox") == []


async def test_a_tried_document_calls_saved_cases(executor: Executor) -> None:
    inner = await executor.case(get("/status/201"))

    step = {"name": "in a group", "type": "group", "steps": [{"name": "call", "type": "call", "case_id": inner}]}

    answer = await tried(executor, step)

    assert (await executor.over(answer.json()["run_id"]))["status"] == "passed"
    assert executor.target.count("/status/201") == 1


async def test_a_faulty_document_is_refused_by_path(idle: Executor) -> None:
    answer = await tried(idle, {"name": "x", "type": "request", "request": {"url": "{{base_url}}"}, "asserts": [{}]})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith("document.steps[0].asserts[0].")
    assert await idle.rows("SELECT 1 FROM run") == []


async def test_trying_is_for_members_and_limited(idle: Executor, configured: pytest.MonkeyPatch) -> None:
    configured.setenv("ROUNDS_EXECUTOR_TRIALS_PER_MINUTE", "2")
    executor_settings.cache_clear()
    stranger = await idle.user(9)
    body = {"document": document(get("/status/200")), "project_id": PROJECT}

    assert (await stranger.post("/runs", json=body)).status_code == 403
    answers = [await tried(idle, get("/status/200")) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert (answers[2].json()["code"], answers[2].headers["Retry-After"]) == ("too_many_attempts", "60")


async def test_a_kept_answer_is_judged_again_without_a_call(executor: Executor) -> None:
    case_id = await executor.case(post({"text": "hello"}))
    run_id = (await executor.run(case_id))["run_id"]
    step = {
        **post({"text": "hello"}),
        "asserts": [
            status(201),
            {"query": {"type": "jsonpath", "expr": "$.body"}, "predicate": "==", "value": "hello"},
        ],
        "captures": [{"name": "path", "query": {"type": "jsonpath", "expr": "$.path"}}],
    }

    answer = await executor.member.post(
        "/runs/judge", json={"step": step, "run_id": run_id, "case_id": case_id, "step_path": "1"}
    )

    judged = answer.json()
    assert (answer.status_code, judged["status"], judged["failure_class"]) == (200, "failed", "assertion")
    assert [one["passed"] for one in judged["asserts"]] == [False, True]
    assert judged["captures"][0]["value"] == "/echo"
    assert executor.target.count("/echo") == 1


@pytest.mark.parametrize("only_failed_log", [False, True])
async def test_a_failing_step_is_compared_with_the_last_run_in_which_it_passed(
    executor: Executor, only_failed_log: bool
) -> None:
    echo = {**get("/echo"), "request": {"method": "POST", "url": "{{base_url}}/echo", "body": {"json": {"n": 1}}}}
    expected = {"query": {"type": "jsonpath", "expr": "$.method"}, "predicate": "==", "value": "POST"}
    case_id = await executor.case({**echo, "asserts": [expected]})
    green = await executor.run(case_id, only_failed_log=only_failed_log)
    other = {**echo, "request": {"method": "PUT", "url": "{{base_url}}/echo"}}
    await executor.case({**other, "asserts": [expected]}, id_=case_id, revision=2)
    red = await executor.run(case_id, only_failed_log=only_failed_log)

    diff = (await executor.member.get(f"/runs/{red['run_id']}/cases/{case_id}/diff")).json()

    step = diff["steps"][0]
    assert (step["baseline"]["run_id"], step["baseline"]["revision"], step["reason"]) == (green["run_id"], 1, None)
    changed = {one["path"]: (one["change"], one["before"], one["now"]) for one in step["json_paths"]}
    assert changed["$.method"] == ("changed", "POST", "PUT")
    assert changed["$.body"] == ("changed", '{"n":1}', "")
    assert red["cases"][0]["baseline"]["run_id"] == green["run_id"]


async def test_differences_named_volatile_are_left_out(executor: Executor) -> None:
    def order(number: int) -> dict[str, Any]:
        body = {"json": {"items": [{"at": number, "sku": "A"}, {"at": -number, "sku": "B"}]}}
        same = {"query": {"type": "jsonpath", "expr": "$.items[0].at"}, "predicate": "==", "value": 1}
        request = {"method": "POST", "url": "{{base_url}}/orders", "body": body}
        return {"name": "order", "type": "request", "request": request, "asserts": [same]}

    case_id = await executor.case(order(1))
    await executor.run(case_id)
    await executor.case(order(22), id_=case_id, revision=2)
    red = await executor.run(case_id)
    url = f"/runs/{red['run_id']}/cases/{case_id}/diff"

    async def differences(*volatile: str) -> tuple[list[str], list[str], bool]:
        (step,) = (await executor.member.get(url, params={"volatile": list(volatile)})).json()["steps"]
        named = [one["name"] for one in step["headers"] if one["name"] == "content-length"]
        return [one["path"] for one in step["json_paths"]], named, step["body_changed"]

    paths = ["$.items[0].at", "$.items[1].at", "$.id"]
    assert await differences() == (paths, ["content-length"], True)
    assert await differences("$.id", "Content-Length") == (paths[:2], [], True)
    assert await differences("$.id", "$.items[*].at") == ([], ["content-length"], False)
    assert await differences("$.i", "$.items") == (["$.id"], ["content-length"], True)
    assert (await executor.member.get(url, params={"volatile": "x" * 201})).status_code == 400


async def test_a_step_that_never_passed_has_nothing_to_be_compared_with(executor: Executor) -> None:
    case_id = await executor.case(get("/status/500"))
    run_id = (await executor.run(case_id))["run_id"]

    diff = (await executor.member.get(f"/runs/{run_id}/cases/{case_id}/diff")).json()

    assert [(step["baseline"], step["reason"]) for step in diff["steps"]] == [(None, "never_passed")]


async def test_a_kept_body_is_read_by_range_and_cut_at_its_limit(executor: Executor) -> None:
    case_id = await executor.case(get("/bytes/100000"))
    run_id = (await executor.run(case_id))["run_id"]
    url = f"/runs/{run_id}/cases/{case_id}/steps/1/body"

    whole = await executor.member.get(url)
    part = await executor.member.get(url, headers={"Range": "bytes=10-19"})

    response = (await executor.case_report(run_id, case_id))["steps"][0]["response"]
    assert (len(whole.content), response["body_bytes"], response["truncated"]) == (65536, 100000, True)
    assert (part.status_code, part.headers["Content-Range"], part.content) == (206, "bytes 10-19/65536", b"x" * 10)
    assert (await executor.member.get(url, headers={"Range": "bytes=70000-"})).status_code == 400
    assert (await executor.member.get(url.replace("/1/", "/7/"))).status_code == 404


async def follow(executor: Executor, run_id: Any, on_snapshot: Callable[[], None]) -> list[tuple[str, Any]]:
    events: list[tuple[str, Any]] = []
    async with executor.member.stream("GET", f"/runs/{run_id}/events") as answer:
        assert (answer.headers["Content-Type"][:17], answer.headers["X-Accel-Buffering"]) == ("text/event-stream", "no")
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                events.append((name, orjson.loads(line[6:])))
                if name == "snapshot":
                    on_snapshot()
    return events


async def test_a_run_is_followed_from_a_snapshot_to_its_end(executor: Executor) -> None:
    executor.target.hold()
    case_id = await executor.case(get("/status/200"), get("/held"))
    run_id = await executor.due(case_id)
    await until(lambda: executor.target.count("/held") == 1)

    events = await follow(executor, run_id, executor.target.release)

    assert events[0][1]["status"] == "running"
    assert events[-1][1]["ends_by"] is None
    told = [(name, body.get("path") or body.get("status")) for name, body in events[1:]]
    assert told == [
        ("step.completed", "1"),
        ("step.completed", "2"),
        ("case.completed", "passed"),
        ("run.completed", "passed"),
    ]


async def test_an_open_run_tells_when_it_has_ended_at_the_latest(executor: Executor) -> None:
    executor.target.hold()
    slow = await executor.case(get("/held"), options={"timeout_ms": 60_000})
    run_id = await executor.due(slow, slow)

    def ends_after(report: dict[str, Any]) -> timedelta:
        ends_by, created_at = (datetime.fromisoformat(report[name]) for name in ("ends_by", "created_at"))
        return ends_by - created_at

    await until(lambda: executor.target.count("/held") == 1)
    first = await executor.report(run_id)
    alone = await executor.due(slow)
    await until(lambda: executor.target.count("/held") == 2)
    second = await executor.report(alone)
    executor.target.release()

    assert ends_after(first) == timedelta(days=1)  # a case still waits
    assert timedelta(seconds=60) <= ends_after(second) < timedelta(seconds=90)


async def read(lines: AsyncIterator[str], until_event: str) -> list[tuple[str, str]]:
    """The events of an open stream with their ids, up to the first of a name or the end."""
    events: list[tuple[str, str]] = []
    number = name = ""
    async for line in lines:
        if line.startswith("id: "):
            number = line[4:]
        elif line.startswith("event: "):
            name = line[7:]
        elif not line:
            events.append((name, number))
            if name == until_event:
                break
    return events


async def test_a_viewer_who_comes_back_goes_on_after_the_last_event_that_it_saw(executor: Executor) -> None:
    executor.target.hold()
    first, second = await executor.case(get("/held")), await executor.case(get("/status/200"))
    run_id = await executor.due(first, second)
    await until(lambda: executor.target.count("/held") == 1)
    url = f"/runs/{run_id}/events"

    async with executor.member.stream("GET", url) as answer:
        ((_, seen),) = await read(answer.aiter_lines(), "snapshot")
    async with executor.member.stream("GET", url, headers={"Last-Event-ID": seen}) as answer:
        executor.target.release()
        resumed = await read(answer.aiter_lines(), "run.completed")
    async with executor.member.stream("GET", url, headers={"Last-Event-ID": "of-another-process-7"}) as answer:
        anew = await read(answer.aiter_lines(), "run.completed")

    names = ["step.completed", "case.completed", "case.started", "step.completed", "case.completed", "run.completed"]
    assert [name for name, _ in resumed] == names
    assert len({number for _, number in resumed}) == len(names)
    assert [name for name, _ in anew] == ["snapshot", "run.completed"]


async def test_however_many_follow_a_run_the_database_is_asked_once_for_all(executor: Executor) -> None:
    viewers = int(os.environ.get("ROUNDS_TEST_VIEWERS", "60"))
    executor.target.hold()
    run_id = await executor.due(await executor.case(get("/held")))
    await until(lambda: executor.target.count("/held") == 1)
    statements: list[str] = []
    arrived, ended = [], []

    async def view(client: httpx.AsyncClient) -> None:
        async with client.stream("GET", f"/runs/{run_id}/events") as answer:
            lines = answer.aiter_lines()
            await read(lines, "snapshot")
            arrived.append(1)
            ended.append(dict(await read(lines, "run.completed")))

    def count(*call: Any) -> None:
        statements.append(str(call[2]))

    limits = httpx.Limits(max_connections=viewers + 1)
    async with httpx.AsyncClient(
        base_url=executor.url, headers=executor.member.headers, timeout=120, limits=limits
    ) as client:
        viewing = [asyncio.create_task(view(client)) for _ in range(viewers)]
        await until(lambda: len(arrived) == viewers, 120)
        listen(service.database.engine.sync_engine, "before_cursor_execute", count)
        executor.target.release()
        await asyncio.gather(*viewing)
        remove(service.database.engine.sync_engine, "before_cursor_execute", count)

    assert [one.keys() >= {"step.completed", "case.completed", "run.completed"} for one in ended] == [True] * viewers
    assert len([sql for sql in statements if "known_credential" not in sql]) < max(viewers, 60)


async def test_a_stream_ends_when_the_session_that_asked_for_it_ends(executor: Executor) -> None:
    executor.target.hold()
    run_id = await executor.due(await executor.case(get("/held")))
    await until(lambda: executor.target.count("/held") == 1)
    stranger = await executor.user(9)

    async with stranger.stream("GET", f"/runs/{run_id}/events") as answer:
        lines = answer.aiter_lines()
        seen = await read(lines, "snapshot")
        await greet_viewers()
        seen += await read(lines, "ping")
        await executor.user(9, credentials=[], revision=2)
        await greet_viewers()
        seen += await asyncio.wait_for(read(lines, "run.completed"), 30)

    assert {name for name, _ in seen} == {"snapshot", "ping"}


async def test_each_case_of_a_serial_run_is_told_to_start_and_end_before_the_next(executor: Executor) -> None:
    executor.target.hold()
    first = await executor.case(get("/held"))
    others = [await executor.case(get("/status/200")) for _ in range(2)]
    run_id = await executor.due(first, *others)
    await until(lambda: executor.target.count("/held") == 1)

    events = await follow(executor, run_id, executor.target.release)

    told = [(name, body["position"], body["status"]) for name, body in events[1:-1]]
    of_others = [
        (name, position, status)
        for position in (1, 2)
        for name, status in (("case.started", "running"), ("step.completed", "passed"), ("case.completed", "passed"))
    ]
    assert told == [("step.completed", 0, "passed"), ("case.completed", 0, "passed"), *of_others]


async def test_a_run_that_is_over_is_told_at_once(executor: Executor) -> None:
    run_id = (await executor.run(await executor.case(get("/status/200"))))["run_id"]

    answer = await executor.member.get(f"/runs/{run_id}/events")

    names = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]
    assert names == ["snapshot", "run.completed"]


async def test_after_retention_totals_stay_and_the_report_says_that_steps_are_purged(executor: Executor) -> None:
    case_id = await executor.case(get("/status/200"))
    run_id = (await executor.run(case_id))["run_id"]
    await executor.rows("DELETE FROM step_result RETURNING 1")
    await executor.rows("DELETE FROM case_definition RETURNING 1")

    report = await executor.case_report(run_id, case_id)

    assert (report["steps"], report["purged"], report["steps_passed"]) == ([], True, 1)
