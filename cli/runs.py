"""Commands about runs: `run`, `runs`, and the report that they print."""

import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import orjson
import typer

from cli.api import DEFAULT_URL, Api, Refused, Token, Url, connected
from cli.output import (
    ERROR,
    FAILED,
    Format,
    Output,
    console,
    errors,
    fail,
    local_time,
    milliseconds,
    percent,
    print_json,
    print_table,
    status_text,
)

EXIT_CODES = {"passed": 0, "failed": FAILED, "cancelled": ERROR, "error": ERROR}
LOOK_EVERY_SECONDS = 0.3
UNKNOWN_SECONDS = 60
SHOWN_CHARACTERS = 300

app = typer.Typer()


class Status(StrEnum):
    """Of a run."""

    queued = "queued"
    running = "running"
    cancelling = "cancelling"
    passed = "passed"
    failed = "failed"
    error = "error"
    cancelled = "cancelled"


@app.command(rich_help_panel="Use Rounds")
def run(
    cases: Annotated[list[int], typer.Argument(min=1, metavar="CASE...", help="ids of the cases, in serial order")],
    environment: Annotated[
        list[str] | None,
        typer.Option("--environment", "-e", metavar="P=E", help="environment id E for project id P; may be repeated"),
    ] = None,
    max_parallel: Annotated[int, typer.Option(min=1, max=200, help="with --parallel: how many at the same time")] = 20,
    *,
    parallel: Annotated[
        bool, typer.Option("--parallel", help="the cases at the same time; else in serial order")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="wait for the run, and exit with its result")] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="with --wait: write the report there as JUnit XML, for CI")
    ] = None,
    output: Output = Format.table,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Run cases now, one after the other; with --parallel at the same time.

    With --wait it shows what did not pass, and exits with 0 passed, 1 failed, 2 error or cancelled.

    For example:

    - `rounds run 22 20 --wait`
    - `rounds run 22 --environment 7=3 --parallel --wait --output json`
    - `rounds run 22 20 --wait --junit report.xml`
    """
    if junit is not None and not wait:
        raise typer.BadParameter("it needs --wait", param_hint="--junit")
    wanted: dict[str, Any] = {"case_ids": cases, "parallel": int(parallel), "max_parallel": max_parallel}
    if environment:
        wanted["environments"] = dict(map(_pair, environment))
    with connected(url, token) as api:
        made = api.call("POST", "/runs", json=wanted)
        if wait:
            end_with_run(api, made["run_id"], output, junit)
        if output is Format.json:
            print_json(made)
        else:
            console.print(f"Run {made['run_id']} is queued: {api.url}/console{made['url']}")


@app.command(rich_help_panel="Use Rounds")
def runs(
    task: Annotated[int | None, typer.Option(metavar="ID", help="only runs of this task")] = None,
    case: Annotated[int | None, typer.Option(metavar="ID", help="only runs with this case")] = None,
    project: Annotated[int | None, typer.Option(metavar="ID", help="only runs with cases of this project")] = None,
    status: Annotated[Status | None, typer.Option(help="only runs in this status")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many runs at most")] = 20,
    output: Output = Format.table,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List runs, newest first.

    For example:

    - `rounds runs`
    - `rounds runs --task 12 --status failed`
    """
    filters = {"task_id": task, "case_id": case, "project_id": project, "status": status, "limit": limit}
    with connected(url, token) as api:
        page = api.call("GET", "/runs", params={name: value for name, value in filters.items() if value is not None})
    if output is Format.json:
        print_json(page)
        return
    print_table(
        ("run", "task", "trigger", "status", "cases", "pass rate", "started", "duration"),
        [
            (
                one["run_id"],
                one["task_name"],
                one["trigger"],
                status_text(one["status"]),
                f"{one['cases_done']}/{one['cases_total']}",
                percent(one["pass_rate"]),
                local_time(one["started_at"]),
                milliseconds(one["duration_ms"]),
            )
            for one in page["data"]
        ],
    )


def _pair(text: str) -> tuple[str, int]:
    project, _, environment = text.partition("=")
    if not (project.isdecimal() and environment.isdecimal()):
        raise typer.BadParameter(f"{text} is not of the form 7=3", param_hint="--environment")
    return project, int(environment)


def end_with_run(api: Api, run_id: str, output: Format, junit: Path | None = None) -> NoReturn:
    """Wait for a run, print its report, write it to the file `junit`, and end the command with its result.

    Raises: Refused, Unreachable, typer.Exit.
    """
    report = wait_for_run(api, run_id)
    if junit is not None:
        written = api.download(f"/runs/{run_id}/export", params={"format": "junit"})
        try:
            junit.write_bytes(written)
        except OSError as error:
            fail(f"{junit} cannot be written: {error.strerror}", ERROR)
    if output is Format.json:
        print_json(report)
    else:
        print_report(api, report)
    raise typer.Exit(EXIT_CODES[report["status"]])


def wait_for_run(api: Api, run_id: str) -> dict[str, Any]:
    """The report of a run that has ended; meanwhile a terminal shows how far it is.

    A run that a task's firing has just made may be unknown for a while.

    Raises: Refused, Unreachable; typer.Exit when it stays unknown for a minute.
    """
    started = time.monotonic()
    with errors.status(f"run {run_id}") as progress:
        while True:
            try:
                report: dict[str, Any] = api.call("GET", f"/runs/{run_id}")
            except Refused as error:
                if error.status != httpx.codes.NOT_FOUND:
                    raise
                if time.monotonic() - started > UNKNOWN_SECONDS:
                    fail(f"run {run_id} has not begun within a minute")
            else:
                if report["status"] in EXIT_CODES:
                    return report
                done = f"{report['cases_done']} of {report['cases_total']} cases done"
                progress.update(f"run {run_id}: {report['status']}, {done}")
            time.sleep(LOOK_EVERY_SECONDS)


def print_report(api: Api, report: dict[str, Any]) -> None:
    """The cases of a run, then every step that did not pass with what was expected and what was found.

    Raises: Refused, Unreachable.
    """
    columns = ("case", "name", "status", "pass rate", "steps", "duration", "reason")
    print_table(columns, map(_case_row, report["cases"]))
    for case in report["cases"]:
        if case["status"] in {"failed", "error"}:
            for line in _failures(api, report["run_id"], case):
                console.print(line, markup=False, soft_wrap=True)
    console.print(
        status_text(report["status"]),
        f"{report['cases_passed']} of {report['cases_total']} cases passed ({percent(report['pass_rate'])}),",
        f"{percent(report['step_pass_rate'])} of the steps, in {milliseconds(report['duration_ms'])}",
    )
    console.print(f"{api.url}/console/runs/{report['run_id']}", soft_wrap=True)


def _case_row(case: dict[str, Any]) -> Sequence[object]:
    steps = f"{case['steps_passed']}/{case['steps_total']}"
    reason = case["reason"] or case["failure_class"]
    name = case["name"] + ("" if case["row"] is None else f" row {case['row']}")
    duration = milliseconds(case["duration_ms"])
    return case["case_id"], name, status_text(case["status"]), percent(case["pass_rate"]), steps, duration, reason


def _failures(api: Api, run_id: str, case: dict[str, Any]) -> Iterator[str]:
    for step in steps_of(api, run_id, case):
        if step["status"] not in {"failed", "error"}:
            continue
        request, response = step["request"] or {}, step["response"] or {}
        sent = f": {request['method']} {request['url']}" if request else ""
        got = f" answered {response['status']}" if response else ""
        yield f"{case['name']}, step {step['path']} {step['name'] or ''}{sent}{got}"
        if step["error"]:
            yield f"    {step['error']}"
        for one in step["asserts"]:
            if not one["passed"]:
                yield f"    {_assert_text(one)}"
        for one in step["captures"]:
            if not one["found"]:
                yield f"    capture {one['name']}: {one['error'] or 'found nothing'}"


def steps_of(api: Api, run_id: str, case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step of a case in a run.

    Raises: Refused, Unreachable.
    """
    params = {} if case["row"] is None else {"row": case["row"]}
    cursor: str | None = "0"
    while cursor is not None:
        page = api.call("GET", f"/runs/{run_id}/cases/{case['case_id']}", params={**params, "cursor": cursor})
        yield from page["steps"]
        cursor = page["next_cursor"]


def _assert_text(one: dict[str, Any]) -> str:
    query = " ".join(str(value) for value in one["query"].values())
    negated = "not " if one["not"] else ""
    expected = "" if one.get("expected") is None else f" {_short(one['expected'])}"
    return f"expected {query} {negated}{one['predicate']}{expected}, actual {_short(one['actual'])}" + (
        f" ({one['message']})" if one["message"] else ""
    )


def _short(value: Any) -> str:  # noqa: ANN401 (JSON)
    text = orjson.dumps(value).decode()
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
