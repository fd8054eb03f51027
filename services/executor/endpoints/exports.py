"""A whole report as one file."""

from collections.abc import Sequence
from html import escape
from typing import Any, Literal
from xml.etree import ElementTree as ET

import orjson

from services.executor.schemas import CaseReport, RunRead

_STYLE = """
body{font:14px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{border:1px solid #ccc;padding:.25rem .5rem;text-align:left}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f5f5;padding:.5rem}
.passed{color:#07622a}.failed,.error{color:#a30d0d}.skipped,.cancelled{color:#555}
"""


def render(report: RunRead, cases: Sequence[CaseReport], wanted: Literal["json", "junit", "html"]) -> tuple[bytes, str]:
    """The file's bytes and their media type."""
    if wanted == "junit":
        return _junit(report, cases), "application/xml"
    if wanted == "html":
        return _html(report, cases).encode(), "text/html; charset=utf-8"
    body = report.model_dump(mode="json") | {"cases": [case.model_dump(mode="json") for case in cases]}
    return orjson.dumps(body, option=orjson.OPT_INDENT_2), "application/json"


def _title(case: CaseReport) -> str:
    return case.name if case.row is None else f"{case.name} [{case.row}]"


def _steps(case: CaseReport) -> list[dict[str, Any]]:
    """The steps of the last try that count: groups and calls only repeat what is in them."""
    return [step for step in case.steps if step["case_try"] == case.tries and step["type"] not in {"group", "call"}]


def _why(step: dict[str, Any]) -> str:
    """What was wrong with a step, a line for each finding."""
    lines = [step["error"]] if step["error"] else []
    for one in step["asserts"]:
        if not one["passed"]:
            query = " ".join(filter(None, (one["query"]["type"], one["query"].get("expr"))))
            expected, actual = (orjson.dumps(one[side]).decode()[:500] for side in ("expected", "actual"))
            lines.append(f"{query} {'not ' * one['not']}{one['predicate']} {expected}, found {actual}")
    lines += [f"{one['name']}: {one['error']}" for one in step["captures"] if one["error"] and not one["found"]]
    return "\n".join(lines)


def _junit(report: RunRead, cases: Sequence[CaseReport]) -> bytes:
    root = ET.Element("testsuites", name=report.task_name or str(report.run_id))
    for case in cases:
        steps = _steps(case)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=_xml(_title(case)),
            tests=str(len(steps)),
            failures=str(sum(step["status"] == "failed" for step in steps)),
            errors=str(sum(step["status"] == "error" for step in steps)),
            skipped=str(sum(step["status"] == "skipped" for step in steps)),
            time=f"{(case.duration_ms or 0) / 1000:.3f}",
        )
        for step in steps:
            one = ET.SubElement(
                suite,
                "testcase",
                name=_xml(f"{step['path']} {step['name']}"),
                classname=_xml(case.name),
                time=f"{(step['duration_ms'] or 0) / 1000:.3f}",
            )
            if step["status"] == "skipped":
                ET.SubElement(one, "skipped", message=step["skip_reason"] or "")
            elif step["status"] != "passed":
                kind = "failure" if step["status"] == "failed" else "error"
                why = _xml(_why(step))
                ET.SubElement(one, kind, type=step["failure_class"] or "", message=why.partition("\n")[0]).text = why
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(char for char in text if char in "\t\n\r" or (char >= " " and char not in "\ufffe\uffff"))


def _html(report: RunRead, cases: Sequence[CaseReport]) -> str:
    title = escape(report.task_name or f"Run {report.run_id}")
    rate = "–" if report.pass_rate is None else f"{report.pass_rate:g} %"
    rows = "".join(
        f'<tr><td><a href="#{case.position}-{case.row}">{escape(_title(case))}</a></td>'
        f'<td class="{case.status}">{case.status}</td><td>{_rate(case.pass_rate)}</td>'
        f"<td>{case.steps_passed}/{case.steps_total}</td><td>{case.duration_ms or 0} ms</td></tr>"
        for case in cases
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1><p class="{report.status}">{report.status}, {rate}, run {report.run_id}, '
        f"{report.started_at or ''} – {report.finished_at or ''}</p>"
        f"<table><tr><th>Case<th>Status<th>Pass rate<th>Steps<th>Duration</tr>{rows}</table>"
        + "".join(_html_case(case) for case in cases)
    )


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:g} %"


def _html_case(case: CaseReport) -> str:
    steps = "".join(
        f"<details{' open' if step['status'] in {'failed', 'error'} else ''}><summary>{escape(step['path'])} "
        f'{escape(step["name"])} <b class="{step["status"]}">{step["status"]}</b> '
        f"{step['duration_ms'] or 0} ms</summary>"
        f"<pre>{escape(_why(step))}</pre><pre>{escape(_exchange(step))}</pre></details>"
        for step in _steps(case)
    )
    return f'<h2 id="{case.position}-{case.row}">{escape(_title(case))}</h2>{steps}'


def _exchange(step: dict[str, Any]) -> str:
    lines = []
    if request := step["request"]:
        lines += [f"{request['method']} {request['url']}", *(f"{n}: {v}" for n, v in request["headers"])]
        lines += ["", request["body"], ""]
    if response := step["response"]:
        lines += [f"HTTP/{response['http_version']} {response['status']}"]
        lines += [*(f"{n}: {v}" for n, v in response["headers"]), "", response["body"]]
    return "\n".join(lines)
