"""A report in the formats that CI systems read: JUnit XML and CTRF (https://ctrf.io)."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import orjson

from services.executor.schemas import CaseReport, RunRead

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BROKEN = ("failed", "error")
_IN_CTRF = {"passed": "passed", "failed": "failed", "error": "failed", "skipped": "skipped", "cancelled": "other"}
"""A case that has not ended is `pending`."""
_IN_JUNIT = {"failed": "failure", "error": "error", "skipped": "skipped", "cancelled": "skipped"}


def title(case: CaseReport) -> str:
    """The case's name, with its data row where it has some."""
    return case.name if case.row is None else f"{case.name} [{case.row}]"


def steps_that_count(case: CaseReport) -> list[dict[str, Any]]:
    """The steps of the last try of a case: groups and calls only repeat what is in them."""
    return [step for step in case.steps if step["case_try"] == case.tries and step["type"] not in {"group", "call"}]


def why(step: dict[str, Any]) -> str:
    """What was wrong with a step, a line for each finding."""
    lines = [step["error"]] if step["error"] else []
    for one in step["asserts"]:
        if not one["passed"]:
            query = " ".join(filter(None, (one["query"]["type"], one["query"].get("expr"))))
            expected, actual = (orjson.dumps(one[side]).decode()[:500] for side in ("expected", "actual"))
            lines.append(f"{query} {'not ' * one['not']}{one['predicate']} {expected}, found {actual}")
    lines += [f"{one['name']}: {one['error']}" for one in step["captures"] if one["error"] and not one["found"]]
    return "\n".join(lines)


def _why_case(case: CaseReport) -> str:
    """What was wrong with a case as a whole; its steps may not be kept any more."""
    lines = [case.reason or case.failure_class or case.status]
    if first := case.first_failure:
        found = "" if first.expected is None else f": expected {first.expected}, found {first.actual}"
        lines.append(f"{first.path} {first.name}: {first.message}{found}")
    if case.purged:
        lines.append(f"the steps are no longer kept: {case.steps_passed} of {case.steps_total} passed")
    return "\n".join(lines)


def junit(report: RunRead, cases: Sequence[CaseReport]) -> bytes:
    """JUnit XML: a suite for each case, a test for each of its steps.

    A case of which no step tells how it ended (the platform was at fault, or its steps are not kept any more) is a
    test of its own: otherwise it would look as if nothing had been wrong, or nothing had run. It keeps to what both
    the schema of Ant and that of Jenkins allow.
    """
    root = ET.Element("testsuites")
    for number, case in enumerate(cases):
        tests = [_step_test(case, step) for step in steps_that_count(case)]
        if not tests or (
            case.status in _BROKEN and not any(one.find(_IN_JUNIT[case.status]) is not None for one in tests)
        ):
            tests.append(
                _test(case.name, title(case), case.duration_ms, case.status, case.failure_class, _why_case(case))
            )
        count = Counter(result.tag for one in tests for result in one)
        suite = ET.SubElement(
            root,
            "testsuite",
            id=str(number),
            package=_xml(report.task_name or str(report.run_id)),
            name=_xml(title(case)),
            timestamp=(case.started_at or report.created_at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            hostname="rounds",
            tests=str(len(tests)),
            failures=str(count["failure"]),
            errors=str(count["error"]),
            skipped=str(count["skipped"]),
            time=_seconds(case.duration_ms),
        )
        about = {"run_id": report.run_id, "case_id": case.case_id, "revision": case.revision, "status": case.status}
        properties = ET.SubElement(suite, "properties")
        for name, value in about.items():
            ET.SubElement(properties, "property", name=name, value="" if value is None else str(value))
        suite.extend(tests)
        ET.SubElement(suite, "system-out")
        ET.SubElement(suite, "system-err")
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _step_test(case: CaseReport, step: dict[str, Any]) -> ET.Element:
    name = f"{step['path']} {step['name']}"
    said = step["skip_reason"] if step["status"] == "skipped" else why(step)
    return _test(case.name, name, step["duration_ms"], step["status"], step["failure_class"], said or "")


def _test(case_name: str, name: str, ms: int | None, status: str, failure_class: str | None, said: str) -> ET.Element:
    test = ET.Element("testcase", name=_xml(name), classname=_xml(case_name), time=_seconds(ms))
    kind = None if status == "passed" else _IN_JUNIT.get(status, "skipped")
    if kind is not None:
        text = _xml(said)
        result = ET.SubElement(test, kind, message=text.partition("\n")[0])
        if kind != "skipped":
            result.set("type", failure_class or status)
            result.text = text
    return test


def _seconds(milliseconds: int | None) -> str:
    return f"{(milliseconds or 0) / 1000:.3f}"


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NO_XML.sub("\ufffd", text)


def ctrf(report: RunRead, cases: Sequence[CaseReport]) -> dict[str, Any]:
    """The Common Test Report Format: a test for each case run, with its steps."""
    tests = [_ctrf_test(report, case) for case in cases]
    count = Counter(test["status"] for test in tests)
    words = ("passed", "failed", "skipped", "pending", "other")
    start = report.started_at or report.created_at
    return {
        "reportFormat": "CTRF",
        "specVersion": "1.0.0",
        "reportId": str(report.run_id),
        "runId": str(report.run_id),
        "timestamp": (report.finished_at or start).isoformat(),
        "generatedBy": "rounds",
        "results": {
            "tool": {"name": "rounds"},
            "summary": {
                "tests": len(tests),
                **{word: count[word] for word in words},
                "flaky": sum(case.flaky for case in cases),
                "start": _ms(start),
                "stop": _ms(report.finished_at or start),
                "duration": report.duration_ms or 0,
            },
            "tests": tests,
            "extra": {
                "status": report.status,
                "task_name": report.task_name,
                "pass_rate": report.pass_rate,
                "step_pass_rate": report.step_pass_rate,
            },
        },
    }


def _ctrf_test(report: RunRead, case: CaseReport) -> dict[str, Any]:
    test: dict[str, Any] = {
        "testId": f"case-{case.case_id}" + ("" if case.row is None else f"-{case.row}"),
        "name": title(case),
        "status": _IN_CTRF.get(case.status, "pending"),
        "rawStatus": case.status,
        "duration": case.duration_ms or 0,
        "flaky": case.flaky,
        "retries": max(case.tries - 1, 0),
        "suite": [case.project.name or str(case.project.id)],
        "steps": [
            {"name": f"{step['path']} {step['name']}", "status": _IN_CTRF.get(step["status"], "other")}
            for step in steps_that_count(case)
        ],
        "extra": {
            "case_id": case.case_id,
            "revision": case.revision,
            "pass_rate": case.pass_rate,
            "steps_total": case.steps_total,
            "steps_passed": case.steps_passed,
            "purged": case.purged,
        },
    }
    if case.started_at and case.finished_at:
        test |= {"start": _ms(case.started_at), "stop": _ms(case.finished_at)}
    if case.status in _BROKEN:
        broken = (step for step in steps_that_count(case) if step["status"] in _BROKEN)
        told = [f"{step['path']} {step['name']}\n{why(step)}" for step in broken]
        test["message"] = _why_case(case)
        test["trace"] = "\n".join(told)[:20_000]
    environment = report.environments.get(str(case.project.id))
    if environment and environment.name:
        test["labels"] = {"environment": environment.name}
    return test


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
