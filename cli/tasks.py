"""Commands about scheduled tasks: `monitor`, `tasks`, `fire`, `scheduler tick`."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import orjson
import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.api import DEFAULT_URL, Api, Token, Unreachable, Url, connected
from cli.output import (
    Format,
    Output,
    console,
    local_time,
    milliseconds,
    percent,
    print_json,
    print_table,
    status_text,
    table,
)
from cli.runs import end_with_run

COLUMNS = ("id", "task", "status", "next due", "last result", "pass rate", "lag", "runs")

app = typer.Typer()
scheduler_app = typer.Typer(help="Look after the scheduler.", no_args_is_help=True)
app.add_typer(scheduler_app, name="scheduler", rich_help_panel="Use Rounds")


class Status(StrEnum):
    """Of a task."""

    pending = "pending"
    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"


Project = Annotated[int | None, typer.Option(help="only tasks with cases of this project", metavar="ID")]
OfStatus = Annotated[Status | None, typer.Option("--status", help="only tasks in this status")]
Search = Annotated[str | None, typer.Option(help="only tasks with this in their name")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="how many tasks at most")]


@app.command(rich_help_panel="Use Rounds")
def monitor(
    project: Project = None,
    status: OfStatus = None,
    search: Search = None,
    limit: Limit = 50,
    every: Annotated[float, typer.Option(min=0.1, help="seconds between two looks")] = 1.0,
    *,
    once: Annotated[bool, typer.Option("--once", help="show the present state and end")] = False,
    output: Output = Format.table,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Watch tasks change before your eyes: status, next due time, last result, lag. Ctrl-C ends it.

    Away from a terminal, and as JSON, it prints a line for each change.

    For example:

    - `rounds monitor`
    - `rounds monitor --project 7 --status pending`
    - `rounds monitor --once --output json`
    """
    filters = {"project_id": project, "status": status, "search": search, "page_size": limit, "sort": "next_due_at"}
    with connected(url, token) as api:
        params = {name: value for name, value in filters.items() if value is not None}
        if once:
            show_tasks(api.call("GET", "/scheduler/tasks", params=params), output)
        elif console.is_terminal and output is Format.table:
            _watch_live(api, params, every)
        else:
            _print_changes(api, params, every, output)


@app.command(rich_help_panel="Use Rounds")
def tasks(
    project: Project = None,
    status: OfStatus = None,
    search: Search = None,
    limit: Limit = 50,
    output: Output = Format.table,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List tasks, newest first.

    For example:

    - `rounds tasks`
    - `rounds tasks --status running --output json`
    """
    filters = {"project_id": project, "status": status, "search": search, "page_size": limit}
    with connected(url, token) as api:
        params = {name: value for name, value in filters.items() if value is not None}
        show_tasks(api.call("GET", "/scheduler/tasks", params=params), output)


@app.command(rich_help_panel="Use Rounds")
def fire(
    task_id: Annotated[int, typer.Argument(min=1, metavar="TASK_ID")],
    *,
    wait: Annotated[bool, typer.Option("--wait", help="wait for the run, and exit with its result")] = False,
    output: Output = Format.table,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Fire a task now, beside its schedule: the run that it makes is like any other.

    For example:

    - `rounds fire 12`
    - `rounds fire 12 --wait`
    """
    with connected(url, token) as api:
        fired = api.call("POST", f"/scheduler/tasks/{task_id}/fire")
        if wait:
            end_with_run(api, fired["run_id"], output)
        if output is Format.json:
            print_json(fired)
        else:
            console.print(f"Task {task_id} is fired: run {fired['run_id']}, {api.url}/console{fired['url']}")


@scheduler_app.command()
def tick(output: Output = Format.table, url: Url = DEFAULT_URL, token: Token = None) -> None:
    """Let the scheduler make one pass by hand and tell what it did. Superusers only.

    For example:

    - `rounds scheduler tick`
    """
    with connected(url, token) as api:
        done = api.call("POST", "/scheduler/tick")
    if output is Format.json:
        print_json(done)
        return
    counts = ", ".join(f"{done[name]} {name}" for name in ("fired", "retried", "skipped", "missed", "waiting"))
    lag = "" if done["lag_ms"] is None else f", lag {milliseconds(done['lag_ms'])}"
    console.print(f"{counts}{lag}")


@scheduler_app.command("status")
def scheduler_status(output: Output = Format.table, url: Url = DEFAULT_URL, token: Token = None) -> None:
    """Tell how the scheduler is doing: its last pass, its lag, what is overdue.

    For example:

    - `rounds scheduler status`
    """
    with connected(url, token) as api:
        state = api.call("GET", "/scheduler/status")
    if output is Format.json:
        print_json(state)
        return
    shown = {
        name: local_time(value) if name == "now" or name.endswith("_at") else value for name, value in state.items()
    }
    print_table(("", ""), [(name.replace("_", " "), value) for name, value in shown.items()])


def show_tasks(page: dict[str, Any], output: Format) -> None:
    """A page of tasks, and how many there are beside it."""
    if output is Format.json:
        print_json(page)
        return
    print_table(COLUMNS, map(_row, page["data"]))
    if page["total"] > len(page["data"]):
        console.print(f"{len(page['data'])} of {page['total']} tasks", style="dim")


def _row(task: dict[str, Any]) -> Sequence[object]:
    last = task["last_run"] or {}
    status = Text("paused", "dim") if task["paused"] else status_text(task["status"])
    return (
        task["id"],
        task["task_name"],
        status,
        _due_text(task["next_due_at"]),
        status_text(last.get("status")),
        percent(last.get("pass_rate")),
        milliseconds(task["lag_ms"]),
        task["execution_count"],
    )


def _due_text(due_at: str | None) -> str | None:
    if due_at is None:
        return None
    left = (datetime.fromisoformat(due_at) - datetime.now(UTC)).total_seconds()
    soon = 0 < left < 3600  # noqa: PLR2004 (an hour)
    return f"{local_time(due_at)}{f' in {int(left // 60)}:{int(left % 60):02d}' if soon else ''}"


def _watch_live(api: Api, params: dict[str, Any], every: float) -> None:
    page: dict[str, Any] | None = None
    with Live(console=console, auto_refresh=False) as live:
        for answer, trouble in _pages(api, params, every, repeat_unchanged=True):
            page = answer or page
            if page is not None:
                live.update(_picture(page, trouble), refresh=True)


def _picture(page: dict[str, Any], trouble: str | None) -> Table:
    beside = f"{len(page['data'])} of {page['total']} tasks at {datetime.now():%H:%M:%S}, Ctrl-C to end"  # noqa: DTZ005 (shown to who sits here)
    return table(COLUMNS, map(_row, page["data"]), caption=trouble or beside)


def _print_changes(api: Api, params: dict[str, Any], every: float, output: Format) -> None:
    known: dict[int, dict[str, Any]] = {}
    for page, _ in _pages(api, params, every):
        for task in page["data"] if page else ():
            before = known.get(task["id"])
            known[task["id"]] = task
            if output is Format.json and task != before:
                print(orjson.dumps(task).decode(), flush=True)
            elif output is Format.table and (before is None or before["status"] != task["status"]):
                change = f"{before['status']} -> {task['status']}" if before else task["status"]
                print(f"{datetime.now():%H:%M:%S} task {task['id']} {task['task_name']}: {change}", flush=True)  # noqa: DTZ005 (shown to who sits here)


def _pages(
    api: Api, params: dict[str, Any], every: float, *, repeat_unchanged: bool = False
) -> Iterator[tuple[dict[str, Any] | None, str | None]]:
    """Look again and again: the page when it is new, and what hinders the look. The first look must succeed.

    Raises: Refused, Unreachable.
    """
    etag: str | None = None
    while True:
        page, trouble = None, None
        try:
            headers = {"If-None-Match": etag} if etag else {}
            page, answered = api.exchange("GET", "/scheduler/tasks", params=params, headers=headers)
            etag = answered.get("etag")
        except Unreachable as error:
            if etag is None:
                raise
            trouble = str(error)
        if page or trouble or repeat_unchanged:
            yield page, trouble
        time.sleep(every)
