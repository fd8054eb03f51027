"""Judgement of an answer, a step, a case and a run: one definition for API, console, mail and export.

Public: `judge(captures, asserts, response, variables, functions) -> Judged` for one answer; `judge_case`, `judge_run`,
`sum_rows` and `pass_rate` for what is above it. Status words: passed, failed, error, skipped (and cancelled, for runs).
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from caselang.asserts import Assert, Capture, Query
from caselang.predicates import check
from caselang.queries import Found, NotFound, evaluate
from caselang.response import Response
from caselang.template import (
    TOO_LONG,
    Functions,
    JsonValue,
    TemplateError,
    TemplateInvalid,
    is_too_long,
    render,
)

_WORST_FIRST = ("error", "failed", "passed", "skipped")
_STATUS_QUERY = Query.model_construct(type="status")
_FIRST_BAD_STATUS = 400


# --- one answer


@dataclass(slots=True)
class AssertResult:
    """How one assertion went. `template_error`: it could not be judged, since a template in it has no value."""

    query: Query
    predicate: str
    negated: bool
    expected: JsonValue
    actual: JsonValue
    passed: bool
    message: str | None
    template_error: bool = False

    def report(self) -> dict[str, Any]:
        """Write it as reports show it; secrets are not masked yet."""
        return {
            "query": {"type": self.query.type} | ({} if self.query.expr is None else {"expr": self.query.expr}),
            "predicate": self.predicate,
            "not": self.negated,
            "expected": self.expected,
            "actual": self.actual,
            "passed": self.passed,
            "message": self.message,
        }


@dataclass(slots=True)
class CaptureResult:
    """How one capture went. `kept`: the name has a value now, found or by default."""

    name: str
    value: JsonValue
    found: bool
    kept: bool
    error: str | None
    failed: bool
    template_error: bool = False

    def report(self) -> dict[str, Any]:
        """Write it as reports show it; secrets are not masked yet."""
        return {"name": self.name, "value": self.value, "found": self.found, "error": self.error}


@dataclass(slots=True)
class Judged:
    """A step's answer, judged: `status` is passed, failed (`assertion`, `capture`) or error (`template`)."""

    status: str
    failure_class: str | None
    error: str | None
    """What could not be judged, for an error."""
    asserts: list[AssertResult]
    captures: list[CaptureResult]

    @property
    def captured(self) -> dict[str, JsonValue]:
        """The values to keep, by name."""
        return {capture.name: capture.value for capture in self.captures if capture.kept}


def judge(
    captures: Sequence[Capture],
    asserts: Sequence[Assert],
    response: Response | None,
    variables: Mapping[str, JsonValue],
    functions: Functions | None = None,
) -> Judged:
    """Capture, then assert: every capture and every assertion is evaluated, whatever became of the others.

    Assertions see what was captured. Without any, a status of 400 or more fails.
    """
    capture_results = [_capture(capture, response, variables, functions) for capture in captures]
    kept = {result.name: result.value for result in capture_results if result.kept}
    now = ChainMap(kept, variables) if kept else variables  # type: ignore[arg-type]  # it is only read
    assert_results = [judge_assert(one, response, now, functions) for one in asserts]
    if not asserts and response is not None and response.status >= _FIRST_BAD_STATUS:
        assert_results.append(
            AssertResult(
                _STATUS_QUERY, "<", negated=False, expected=_FIRST_BAD_STATUS, actual=response.status, passed=False,
                message="there is no assertion, and a status of 400 or more fails such a step",
            )
        )  # fmt: skip
    return _verdict(assert_results, capture_results)


def _verdict(asserts: list[AssertResult], captures: list[CaptureResult]) -> Judged:
    unjudged = [one.error for one in captures if one.template_error]
    unjudged += [one.message for one in asserts if one.template_error]
    if unjudged:
        return Judged("error", "template", unjudged[0], asserts, captures)
    if not all(one.passed for one in asserts):
        return Judged("failed", "assertion", None, asserts, captures)
    if any(one.failed for one in captures):
        return Judged("failed", "capture", None, asserts, captures)
    return Judged("passed", None, None, asserts, captures)


def _capture(
    capture: Capture, response: Response | None, variables: Mapping[str, JsonValue], functions: Functions | None
) -> CaptureResult:
    try:
        found = evaluate(capture.query, response, variables, functions)
        if isinstance(found, Found) and found.exists:
            if is_too_long(found.value):
                error = f"{TOO_LONG}: capture a part of it"
                return CaptureResult(capture.name, None, found=False, kept=False, error=error, failed=True)
            return CaptureResult(capture.name, plain(found.value), found=True, kept=True, error=None, failed=False)
        error = found.message if isinstance(found, NotFound) else "no node was found"
        if capture.has_default:
            value = render(capture.default, variables, functions)
            return CaptureResult(capture.name, value, found=False, kept=True, error=error, failed=False)
        return CaptureResult(capture.name, None, found=False, kept=False, error=error, failed=not capture.optional)
    except (TemplateError, TemplateInvalid) as problem:
        return CaptureResult(
            capture.name, None, found=False, kept=False, error=str(problem), failed=True, template_error=True
        )


def judge_assert(
    one: Assert, response: Response | None, variables: Mapping[str, JsonValue], functions: Functions | None = None
) -> AssertResult:
    """Judge one assertion, or the condition of a `when` or a `repeat_until` (`response` is None then)."""
    expected: JsonValue = None
    try:
        expected = render(one.value, variables, functions)
        found = evaluate(_query(one), response, variables, functions)
    except (TemplateError, TemplateInvalid) as problem:
        return AssertResult(
            one.query, one.predicate, one.negated, expected, None, passed=False, message=str(problem),
            template_error=True,
        )  # fmt: skip
    verdict = check(one.predicate, found, expected, negated=one.negated, query_type=one.query.type)
    actual = plain(found.value) if isinstance(found, Found) else None
    if one.predicate == "count" and isinstance(actual, list):
        actual = len(actual)
    return AssertResult(one.query, one.predicate, one.negated, expected, actual, verdict.passed, verdict.message)


def _query(one: Assert) -> Query:
    """A schema is held against the JSON of the body, not its text."""
    if one.query.type == "body" and one.predicate == "matches_schema":
        return Query.model_construct(type="jsonpath", expr="$")
    return one.query


def plain(value: JsonValue) -> JsonValue:
    """Write bytes as hex digits, so that a value is JSON."""
    return value.hex() if isinstance(value, bytes) else value


# --- cases and runs


@dataclass(slots=True)
class StepOutcome:
    """What counts of a step that ended, or was skipped; of a loop each iteration for itself."""

    status: str
    failure_class: str | None = None
    leaf: bool = True
    """False for groups and calls: they are not counted, their children are."""
    teardown: bool = False
    flaky: bool = False


@dataclass(frozen=True)
class CaseVerdict:
    """How a case run ended, with what is counted of its steps, teardown left out."""

    status: str
    failure_class: str | None = None
    reason: str | None = None
    """`teardown`: all steps passed, but a step of the teardown did not."""
    flaky: bool = False
    steps_passed: int = 0
    steps_failed: int = 0
    steps_error: int = 0
    steps_skipped: int = 0
    steps_platform: int = 0
    """How many of `steps_error` are faults of the platform: shown, but in no rate."""

    @property
    def steps_total(self) -> int:
        """All steps that are counted."""
        return self.steps_passed + self.steps_failed + self.steps_error + self.steps_skipped

    @property
    def pass_rate(self) -> float | None:
        """The pass rate of the steps that were started."""
        return pass_rate(self.steps_passed, self.steps_failed, self.steps_error - self.steps_platform)


@dataclass(frozen=True)
class RunVerdict:
    """How a run ended."""

    status: str
    reason: str | None
    cases_passed: int
    cases_failed: int
    cases_error: int
    cases_skipped: int
    cases_cancelled: int
    pass_rate: float | None
    step_pass_rate: float | None

    @property
    def cases_total(self) -> int:
        """All case runs."""
        ended = self.cases_passed + self.cases_failed + self.cases_error
        return ended + self.cases_skipped + self.cases_cancelled


def pass_rate(passed: int, failed: int, error: int) -> float | None:
    """Passed out of all three in percent, floored to two decimals: 100 means all. None when nothing counts.

    `error` leaves out the faults of the platform.
    """
    counted = passed + failed + error
    return passed * 10_000 // counted / 100 if counted else None


def worst(statuses: Iterable[str]) -> str:
    """Choose the worst of error > failed > passed > skipped; skipped of none."""
    return min(statuses, key=_WORST_FIRST.index, default="skipped")


def judge_case(steps: Iterable[StepOutcome], *, retried: bool = False) -> CaseVerdict:
    """Judge a case by its steps, groups and calls included, in the order they ran; `retried`: not the first try.

    A teardown step that did not pass makes a passed case failed, or error where the platform was at fault.
    """
    outcomes = list(steps)
    main = [step for step in outcomes if not step.teardown]
    status = worst(step.status for step in main)
    failure_class = next((step.failure_class for step in main if step.status == status), None)
    reason = None
    broken = next((step for step in outcomes if step.teardown and step.status in {"failed", "error"}), None)
    if broken and status == "passed":
        status = "error" if broken.failure_class == "platform" else "failed"
        failure_class = broken.failure_class
        reason = "teardown"
    leaves = [step for step in main if step.leaf]
    counts = {word: sum(step.status == word for step in leaves) for word in _WORST_FIRST}
    return CaseVerdict(
        status=status,
        failure_class=failure_class,
        reason=reason,
        flaky=status == "passed" and (retried or any(step.flaky for step in outcomes)),
        steps_passed=counts["passed"],
        steps_failed=counts["failed"],
        steps_error=counts["error"],
        steps_skipped=counts["skipped"],
        steps_platform=sum(step.status == "error" and step.failure_class == "platform" for step in leaves),
    )


def sum_rows(rows: Sequence[CaseVerdict]) -> CaseVerdict:
    """Sum up the data rows of one case: the worst status with its class, all steps together."""
    status = worst(row.status for row in rows)
    first = next((row for row in rows if row.status == status), None)
    return CaseVerdict(
        status=status,
        failure_class=first.failure_class if first else None,
        reason=first.reason if first else None,
        flaky=any(row.flaky for row in rows),
        steps_passed=sum(row.steps_passed for row in rows),
        steps_failed=sum(row.steps_failed for row in rows),
        steps_error=sum(row.steps_error for row in rows),
        steps_skipped=sum(row.steps_skipped for row in rows),
        steps_platform=sum(row.steps_platform for row in rows),
    )


def judge_run(cases: Sequence[CaseVerdict], *, cancelled: bool = False) -> RunVerdict:
    """Judge a run by its case runs, each data row for itself; `cancelled`: the run was, whatever its cases say."""
    counts = {word: sum(case.status == word for case in cases) for word in (*_WORST_FIRST, "cancelled")}
    platform = sum(case.status == "error" and case.failure_class == "platform" for case in cases)
    status, reason = worst(case.status for case in cases if case.status != "cancelled"), None
    if status == "skipped":
        status, reason = "error", "nothing_ran"
    if cancelled:
        status, reason = "cancelled", None
    return RunVerdict(
        status=status,
        reason=reason,
        cases_passed=counts["passed"],
        cases_failed=counts["failed"],
        cases_error=counts["error"],
        cases_skipped=counts["skipped"],
        cases_cancelled=counts["cancelled"],
        pass_rate=pass_rate(counts["passed"], counts["failed"], counts["error"] - platform),
        step_pass_rate=pass_rate(
            sum(case.steps_passed for case in cases),
            sum(case.steps_failed for case in cases),
            sum(case.steps_error - case.steps_platform for case in cases),
        ),
    )
