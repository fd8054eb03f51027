"""Answers that are long, or long to judge: judged right, where nothing waits for them, or given up in time."""

import asyncio
import itertools
import time
from typing import Any

import pytest

from services.executor.settings import executor_settings
from tests.executor.conftest import Executor
from tests.executor.test_runs import get
from tests.executor.test_targets import at, server
from tests.support.wait import until

LONG = 65_000
"""Objects of about 50 bytes: 3 MiB of JSON."""


NESTED = b'{"a":' * 98 + b"[1,2]" + b"}" * 98


def query(kind: str, expr: str) -> dict[str, Any]:
    return {"type": kind, "expr": expr}


FOR_EVER = {"query": query("jsonpath", "$..*..*..*..*"), "predicate": "count", "value": 0}


def json_answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def test_a_long_answer_is_judged_like_any_other(executor: Executor) -> None:
    await executor.environment(revision=2, variables={"last": LONG - 1}, secrets={"key": "item 64999"})
    right = {"query": query("jsonpath", "$[64999].id"), "predicate": "==", "value": "{{last}}"}
    wrong = {"query": query("jsonpath", "$[?@.id == 64999].name"), "predicate": "==", "value": "nobody"}
    whole = {"query": {"type": "body"}, "predicate": "contains", "value": "item 64998"}
    captures = [{"name": "seen", "query": query("jsonpath", "$[64998].name")}]

    step, after = await executor.steps(
        get(f"/json/{LONG}", right, wrong, whole, captures=captures),
        get("/echo", {"query": query("variable", "seen"), "predicate": "==", "value": "item 64998"}),
        options={"failed_stop": False},
    )

    assert [one["passed"] for one in step["asserts"]] == [True, False, True], step["error"]
    assert step["asserts"][1]["actual"] == ["***"]
    assert step["captures"][0]["value"] == "item 64998"
    assert (len(step["asserts"][2]["actual"]), step["asserts"][2]["actual"][-1]) == (65_537, "…")
    assert (len(step["response"]["body"]), step["response"]["truncated"]) == (65_536, True)
    assert after["status"] == "passed"


async def test_the_loop_goes_on_while_a_long_answer_is_judged(
    executor: Executor, configured: pytest.MonkeyPatch
) -> None:
    """By order, not by time: short cases end while one is judged that would take for ever, until it is cancelled."""
    configured.setenv("ROUNDS_EXECUTOR_JUDGE_SECONDS", "300")
    executor_settings.cache_clear()
    superuser = await executor.user(9, is_superuser=True)
    async with server(json_answer(NESTED)) as port:
        slow = await executor.due(await executor.case(at(f"http://127.0.0.1:{port}/", FOR_EVER)))
        for _ in range(4):
            await executor.run(await executor.case(get("/status/200")))
        assert (await superuser.post(f"/runs/{slow}/cancel")).json()["status"] == "cancelling"
        assert (await executor.over(slow))["status"] == "cancelled"


async def test_a_value_that_is_too_long_is_not_captured(executor: Executor) -> None:
    capture = {"name": "all", "query": query("jsonpath", "$")}

    step = (await executor.steps(get(f"/json/{LONG}", captures=[capture])))[0]

    assert (step["status"], step["failure_class"]) == ("failed", "capture")
    assert "longer than 1 MiB: capture a part of it" in step["captures"][0]["error"]


async def test_a_value_that_doubles_again_and_again_is_stopped(executor: Executor) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    doubled: dict[str, Any] = {own: ["{{" + before + "}}"] * 2 for before, own in itertools.pairwise(letters)}

    step = (await executor.steps({"name": "set", "type": "set", "variables": {"a": "x" * 100} | doubled}))[0]

    assert (step["failure_class"], step["error"]) == ("template", "variables.o: the value is longer than 1 MiB")


@pytest.mark.parametrize(
    ("assertion", "failure_class", "words"),
    [
        (FOR_EVER, "timeout", "more than 1 s"),
        (
            {"query": query("jmespath", "@" + "|[@, @][]" * 60), "predicate": "count", "value": 0},
            "timeout",
            "more than 1 s",
        ),
    ],
    ids=["descendants of descendants", "doubled again and again"],
)
async def test_an_expression_that_takes_for_ever_is_given_up(
    executor: Executor, configured: pytest.MonkeyPatch, assertion: dict[str, Any], failure_class: str, words: str
) -> None:
    configured.setenv("ROUNDS_EXECUTOR_JUDGE_SECONDS", "1")
    executor_settings.cache_clear()
    async with server(json_answer(NESTED)) as port:
        step = (await executor.steps(at(f"http://127.0.0.1:{port}/", assertion)))[0]

    assert (step["status"], step["failure_class"]) == ("error", failure_class), step
    assert words in step["error"]
    assert "ask for less of it, or by simpler expressions" in step["error"]


async def test_json_nested_without_end_is_refused_before_it_is_read(executor: Executor) -> None:
    """Read first, the wide one would take 500 MB."""
    wide, deep = b"[" + b"[]," * 3_000_000 + b"[" * 101 + b"]" * 102, b"[" * 9_000_000
    exists = {"query": query("jsonpath", "$[0]"), "predicate": "exists"}

    for body in (wide, deep):
        async with server(json_answer(body)) as port:
            step = (await executor.steps(at(f"http://127.0.0.1:{port}/", exists, timeout_ms=20_000)))[0]
        assert (step["status"], step["failure_class"]) == ("failed", "assertion")
        assert "nested more than 100 deep" in step["asserts"][0]["message"]


async def test_a_cancelled_run_does_not_wait_for_a_judgement(executor: Executor) -> None:
    assertion = {"query": query("jsonpath", "$..*..*..*..*"), "predicate": "count", "value": 0}
    async with server(json_answer(b'{"a":' * 98 + b"1" + b"}" * 98)) as port:
        run_id = await executor.due(await executor.case(at(f"http://127.0.0.1:{port}/", assertion)))

        async def judging() -> bool:
            return bool((await executor.report(run_id))["status"] == "running")

        await until(judging)
        await asyncio.sleep(0)
        began = time.monotonic()
        await executor.member.post(f"/runs/{run_id}/cancel")
        report = await executor.over(run_id)

    assert report["status"] == "cancelled"
    assert time.monotonic() - began < 5


async def test_a_condition_by_a_schema_is_judged_like_any_other(executor: Executor) -> None:
    """It is judged in the other process, for a schema may take for ever."""
    held = {"query": query("variable", "order"), "predicate": "matches_schema", "value": {"required": ["id"]}}
    order = {"name": "order", "type": "set", "variables": {"order": {"id": 1}}}

    _, first, second = await executor.steps(
        order, get("/status/200") | {"when": held}, get("/status/200") | {"when": held | {"not": True}}
    )

    assert (first["status"], second["status"], second["skip_reason"]) == ("passed", "skipped", "when")
