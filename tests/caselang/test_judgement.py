"""From assertions to steps, cases and runs."""

from typing import Any

import pytest

from caselang.asserts import Assert, Capture
from caselang.judgement import (
    CaseVerdict,
    Judged,
    StepOutcome,
    judge,
    judge_case,
    judge_run,
    pass_rate,
    sum_rows,
    worst,
)
from caselang.response import Response
from caselang.supported import EVERYTHING


def _judge(
    captures: list[dict[str, Any]], asserts: list[dict[str, Any]], status: int = 200, variables: Any = None
) -> Judged:
    context = {"supported": EVERYTHING}
    response = Response(status, [], b'{"token": "t", "null": null, "ids": [1, 2]}', "http://x/", 5.0)
    return judge(
        [Capture.model_validate(one, context=context) for one in captures],
        [Assert.model_validate(one, context=context) for one in asserts],
        response,
        variables or {},
    )


def _at(expr: str) -> dict[str, str]:
    return {"type": "jsonpath", "expr": expr}


TOKEN = {"name": "token", "query": _at("$.token")}
LOST = {"name": "lost", "query": _at("$.lost")}
GOOD = {"query": {"type": "status"}, "predicate": "==", "value": 200}
BAD = {"query": {"type": "status"}, "predicate": "==", "value": 500}
UNDEFINED = {"query": {"type": "status"}, "predicate": "==", "value": "{{lost}}"}


@pytest.mark.parametrize(
    ("captures", "asserts", "status", "verdict"),
    [
        ([], [], 200, ("passed", None)),
        ([], [], 399, ("passed", None)),
        ([], [], 400, ("failed", "assertion")),
        ([TOKEN], [], 500, ("failed", "assertion")),
        ([], [{"query": {"type": "status"}, "predicate": "exists"}], 500, ("passed", None)),
        ([TOKEN], [GOOD], 200, ("passed", None)),
        ([TOKEN], [GOOD, BAD], 200, ("failed", "assertion")),
        ([LOST], [GOOD], 200, ("failed", "capture")),
        ([LOST], [BAD], 200, ("failed", "assertion")),
        ([LOST | {"optional": True}], [GOOD], 200, ("passed", None)),
        ([LOST | {"default": 1}], [GOOD], 200, ("passed", None)),
        ([LOST | {"default": "{{nope}}"}], [GOOD], 200, ("error", "template")),
        ([TOKEN], [UNDEFINED, BAD], 200, ("error", "template")),
        ([LOST | {"optional": True}], [UNDEFINED], 200, ("error", "template")),
        ([LOST | {"default": 200}], [UNDEFINED], 200, ("passed", None)),
        ([TOKEN | {"query": _at("$.{{nope}}")}], [GOOD], 200, ("error", "template")),
        ([{"name": "a", "query": _at("$.nope[*]")}], [GOOD], 200, ("failed", "capture")),
    ],
)
def test_a_step_is_judged(captures: Any, asserts: Any, status: int, verdict: tuple[str, str | None]) -> None:
    judged = _judge(captures, asserts, status)
    assert (judged.status, judged.failure_class) == verdict
    assert (judged.error is not None) is (verdict[0] == "error")


def test_no_assertion_masks_another_and_a_failing_capture_masks_none() -> None:
    judged = _judge([LOST, TOKEN], [BAD, UNDEFINED, GOOD, BAD])
    assert [one.passed for one in judged.asserts] == [False, False, True, False]
    assert [one.kept for one in judged.captures] == [False, True]
    assert judged.captured == {"token": "t"}


def test_assertions_see_what_the_step_captured() -> None:
    same = {"query": {"type": "variable", "expr": "token"}, "predicate": "==", "value": "{{token}}"}
    assert _judge([TOKEN], [same], variables={"token": "old"}).status == "passed"


def test_null_is_captured_and_an_empty_optional_leaves_its_name_undefined() -> None:
    judged = _judge(
        [{"name": "n", "query": _at("$.null")}, LOST | {"optional": True}, LOST | {"name": "d", "default": None}], []
    )
    assert judged.captured == {"n": None, "d": None}


def test_a_report_tells_expected_actual_and_what_was_found() -> None:
    judged = _judge(
        [TOKEN, LOST], [BAD, {"query": {"type": "bytes"}, "predicate": "starts_with", "value": "7b", "not": True}]
    )
    assert [one.report() for one in judged.asserts] == [
        {"query": {"type": "status"}, "predicate": "==", "not": False, "expected": 500, "actual": 200, "passed": False,
         "message": None},
        {"query": {"type": "bytes"}, "predicate": "starts_with", "not": True, "expected": "7b",
         "actual": b'{"token": "t", "null": null, "ids": [1, 2]}'.hex(), "passed": False, "message": None},
    ]  # fmt: skip
    assert [one.report() for one in judged.captures] == [
        {"name": "token", "value": "t", "found": True, "error": None},
        {"name": "lost", "value": None, "found": False, "error": "nothing at $.lost"},
    ]


def test_a_step_without_assertions_says_why_its_status_fails_it() -> None:
    (result,) = _judge([], [], 404).asserts
    assert result.report() == {
        "query": {"type": "status"}, "predicate": "<", "not": False, "expected": 400, "actual": 404, "passed": False,
        "message": "there is no assertion, and a status of 400 or more fails such a step",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "rate"),
    [
        ((0, 0, 0), None), ((1, 0, 0), 100.0), ((0, 1, 0), 0.0), ((0, 0, 1), 0.0), ((1, 1, 0), 50.0),
        ((2, 1, 0), 66.66),
        ((1, 1, 1), 33.33), ((1, 2, 0), 33.33), ((5, 1, 0), 83.33), ((99_999, 1, 0), 99.99), ((999_999, 1, 0), 99.99),
        ((1, 0, 99_999), 0.0), ((1, 6_000, 0), 0.01), ((7, 0, 1), 87.5), ((10**9, 0, 0), 100.0),
    ],
)  # fmt: skip
def test_a_pass_rate_is_floored_to_two_decimals(counts: tuple[int, int, int], rate: float | None) -> None:
    assert pass_rate(*counts) == rate


P = StepOutcome("passed")
F = StepOutcome("failed", "assertion")
C = StepOutcome("failed", "capture")
E = StepOutcome("error", "dns")
X = StepOutcome("error", "platform")
S = StepOutcome("skipped")
GROUP_F = StepOutcome("failed", "assertion", leaf=False)
GROUP_P = StepOutcome("passed", leaf=False)
DOWN_P = StepOutcome("passed", teardown=True)
DOWN_F = StepOutcome("failed", "assertion", teardown=True)
DOWN_E = StepOutcome("error", "timeout", teardown=True)
DOWN_X = StepOutcome("error", "platform", teardown=True)


@pytest.mark.parametrize(
    ("steps", "status", "failure_class", "reason", "counts", "rate"),
    [
        ([], "skipped", None, None, (0, 0, 0, 0), None),
        ([S, S], "skipped", None, None, (0, 0, 0, 2), None),
        ([P], "passed", None, None, (1, 0, 0, 0), 100.0),
        ([P, S], "passed", None, None, (1, 0, 0, 1), 100.0),
        ([P, F, S], "failed", "assertion", None, (1, 1, 0, 1), 50.0),
        ([P, C, F], "failed", "capture", None, (1, 2, 0, 0), 33.33),
        ([F, E, P], "error", "dns", None, (1, 1, 1, 0), 33.33),
        ([P, X], "error", "platform", None, (1, 0, 1, 0), 100.0),
        ([X], "error", "platform", None, (0, 0, 1, 0), None),
        ([E, X, P], "error", "dns", None, (1, 0, 2, 0), 50.0),
        ([GROUP_P, P, P], "passed", None, None, (2, 0, 0, 0), 100.0),
        ([P, GROUP_F], "failed", "assertion", None, (1, 0, 0, 0), 100.0),
        ([GROUP_F, F, P], "failed", "assertion", None, (1, 1, 0, 0), 50.0),
        ([P, DOWN_P], "passed", None, None, (1, 0, 0, 0), 100.0),
        ([P, DOWN_F], "failed", "assertion", "teardown", (1, 0, 0, 0), 100.0),
        ([P, DOWN_E, DOWN_F], "failed", "timeout", "teardown", (1, 0, 0, 0), 100.0),
        ([P, DOWN_X], "error", "platform", "teardown", (1, 0, 0, 0), 100.0),
        ([F, DOWN_E], "failed", "assertion", None, (0, 1, 0, 0), 0.0),
        ([E, DOWN_F], "error", "dns", None, (0, 0, 1, 0), 0.0),
        ([S, DOWN_F], "skipped", None, None, (0, 0, 0, 1), None),
    ],
)
def test_a_case_is_judged_by_its_steps(
    steps: list[StepOutcome],
    status: str,
    failure_class: str | None,
    reason: str | None,
    counts: Any,
    rate: float | None,
) -> None:
    verdict = judge_case(steps)
    assert (verdict.status, verdict.failure_class, verdict.reason) == (status, failure_class, reason)
    assert (verdict.steps_passed, verdict.steps_failed, verdict.steps_error, verdict.steps_skipped) == counts
    assert verdict.steps_total == sum(counts)
    assert verdict.pass_rate == rate


def test_passed_after_a_retry_is_flaky_and_failed_after_one_is_not() -> None:
    assert judge_case([StepOutcome("passed", flaky=True), P]).flaky
    assert judge_case([P], retried=True).flaky
    assert not judge_case([P]).flaky
    assert not judge_case([StepOutcome("passed", flaky=True), F], retried=True).flaky


def _case(status: str, failure_class: str | None = None, **counts: int) -> CaseVerdict:
    return CaseVerdict(status, failure_class, **counts)  # type: ignore[arg-type]  # counts of steps


@pytest.mark.parametrize(
    ("cases", "status", "reason", "rate", "step_rate"),
    [
        ([], "error", "nothing_ran", None, None),
        ([_case("skipped", steps_skipped=3)], "error", "nothing_ran", None, None),
        ([_case("passed", steps_passed=3)], "passed", None, 100.0, 100.0),
        ([_case("passed", steps_passed=3), _case("skipped")], "passed", None, 100.0, 100.0),
        ([_case("passed", steps_passed=3), _case("failed", steps_passed=2, steps_failed=1)], "failed", None, 50.0,
         83.33),
        ([_case("failed", steps_failed=1), _case("error", "dns", steps_error=1)], "error", None, 0.0, 0.0),
        ([_case("passed", steps_passed=1), _case("error", "platform", steps_error=1, steps_platform=1)], "error", None,
         100.0, 100.0),
        ([_case("error", "platform")], "error", None, None, None),
    ],
)  # fmt: skip
def test_a_run_is_judged_by_its_case_runs(
    cases: list[CaseVerdict], status: str, reason: str | None, rate: float | None, step_rate: float | None
) -> None:
    verdict = judge_run(cases)
    assert (verdict.status, verdict.reason) == (status, reason)
    assert (verdict.pass_rate, verdict.step_pass_rate) == (rate, step_rate)
    assert verdict.cases_total == len(cases)


def test_a_cancelled_run_is_cancelled_whatever_its_cases_say() -> None:
    verdict = judge_run(
        [_case("passed", steps_passed=1), _case("cancelled"), _case("failed", steps_failed=1)], cancelled=True
    )
    assert (verdict.status, verdict.cases_cancelled, verdict.cases_total, verdict.pass_rate) == (
        "cancelled",
        1,
        3,
        50.0,
    )


def test_the_rows_of_a_case_are_summed() -> None:
    rows = [
        _case("passed", steps_passed=2),
        CaseVerdict("failed", "capture", steps_passed=1, steps_failed=1),
        CaseVerdict("failed", "assertion", flaky=False, steps_failed=2),
    ]
    total = sum_rows(rows)
    assert (total.status, total.failure_class, total.steps_passed, total.steps_failed) == ("failed", "capture", 3, 3)
    assert total.pass_rate == 50.0


def test_the_worst_status_wins() -> None:
    assert worst(["passed", "error", "failed"]) == "error"
    assert worst(["skipped", "passed"]) == "passed"
    assert worst([]) == "skipped"
