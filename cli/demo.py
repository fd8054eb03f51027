"""`rounds demo`: the main job from end to end on a sample project, before your eyes."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from cli.api import DEFAULT_URL, Api, Token, Url, explained, stored_tokens
from cli.login import NewPassword, ask_password, log_in
from cli.output import console, errors, fail, local_time, status_text
from cli.runs import LOOK_EVERY_SECONDS, print_report, wait_for_run

AHEAD_SECONDS = 5
ENDS_WITHIN_SECONDS = 120
MAIL_WITHIN_SECONDS = 15
TOKEN_LASTS = timedelta(hours=1)

app = typer.Typer()


@app.command(rich_help_panel="Use Rounds")
def demo(
    username: Annotated[str, typer.Option(help="a superuser; not needed with a token")] = "admin",
    password: Annotated[
        str | None, typer.Option(envvar=["ROUNDS_PASSWORD", "ROUNDS_ADMIN_PASSWORD"], help="asked for when not given")
    ] = None,
    new_password: NewPassword = None,
    email: Annotated[str | None, typer.Option(help="where your mail goes from now on")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """See it work: make a sample project, schedule its cases in 5 seconds, and watch the run, the report and the mail.

    One of the three cases fails on purpose, so that there is something to read. Start `rounds up` first; it prints the
    password of `admin`, which must be changed before anything else.

    For example:

    - `rounds demo`
    - `rounds demo --password printed-by-up --new-password my-own-password`
    """
    known = token or stored_tokens().get(url.rstrip("/"), {}).get("token")
    with explained():
        if known is None:
            given = password or ask_password(username)
            known = log_in(Api(url), username, given, new_password, TOKEN_LASTS)["token"]
        _show(Api(url, known), email)


def _show(api: Api, email: str | None) -> None:
    caller = api.call("GET", "/user/verify")
    project = api.call("POST", "/catalog/projects/sample")
    cases = api.call("GET", "/catalog/cases", params={"project_id": project["id"]})["data"]
    console.print(f"Project {project['id']} {project['name']} with {len(cases)} cases", markup=False)
    for case in cases:
        console.print(f"  case {case['id']} {case['name']}, {case['step_count']} steps", markup=False)

    _settle_address(api, caller, email)

    soon = datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS + 1)  # seconds are whole: 5 are left at the least
    due_at = f"{soon:%Y-%m-%dT%H:%M:%SZ}"
    task = {
        "case_ids": [case["id"] for case in cases],
        "parallel": 1,
        "owner_ids": [caller["user_id"]],
        "startTime": due_at,
        "task_name": f"Demo {soon.astimezone():%H:%M:%S}",
    }
    task_id = api.call("POST", "/api-data/schedule-api-cases", json=task)["task_id"]
    console.print(f"Task {task_id} is due at {local_time(due_at)} for {caller['username']}", markup=False)

    run_id = _watch(api, task_id)
    print_report(api, wait_for_run(api, run_id))
    _tell_mail(api, run_id)


def _settle_address(api: Api, caller: dict[str, Any], email: str | None) -> None:
    """Give the caller an address when there is none and mails are but files, so that there is a mail to look at."""
    found = api.call("GET", "/user/user-view", params={"search": caller["username"], "page_size": 200})["data"]
    (present,) = [user.get("email") for user in found if user["id"] == caller["user_id"]]
    if email is None and not present and not api.call("GET", "/user/platform")["mail_configured"]:
        email = f"{caller['username']}@localhost"
    if email is not None:
        api.call("PATCH", "/user/user-view", json={"id": caller["user_id"], "email": email})
        console.print(f"Mail for {caller['username']} goes to {email}", markup=False)
    elif not present:
        console.print(f"{caller['username']} has no mail address: give --email to get the mail")


def _watch(api: Api, task_id: int) -> str:
    """Show each change of the task's status until it is done; answers the id of its run."""
    seen = None
    begun = time.monotonic()
    with errors.status("waiting for the due time"):
        while True:
            task = api.call("GET", f"/scheduler/tasks/{task_id}")
            if task["status"] != seen:
                seen = task["status"]
                lag = f", fired {task['lag_ms']} ms after the due time" if task["lag_ms"] is not None else ""
                console.print(f"  {datetime.now():%H:%M:%S}", status_text(seen), end="")  # noqa: DTZ005 (shown to who sits here)
                console.print(lag, markup=False)
            if task["last_run"] is not None and task["last_run"]["run_id"] is not None:
                return str(task["last_run"]["run_id"])
            if time.monotonic() - begun > ENDS_WITHIN_SECONDS:
                fail(f"task {task_id} is {seen} for too long: `rounds scheduler status` may tell why")
            time.sleep(LOOK_EVERY_SECONDS)


def _tell_mail(api: Api, run_id: str) -> None:
    begun = time.monotonic()
    deliveries: list[dict[str, Any]] = []
    while time.monotonic() - begun < MAIL_WITHIN_SECONDS:
        deliveries = api.call("GET", "/notifications/deliveries", params={"run_id": run_id})["data"]
        if deliveries and all(one["ended_at"] for one in deliveries):
            break
        time.sleep(LOOK_EVERY_SECONDS)
    for one in deliveries:
        why = one["reason"] or one["error"]
        how = {"file": ", into a file under mail/ in the data folder", "smtp": ", by the mail server"}.get(
            one["via"], ""
        )
        console.print(f"mail to {one['recipient']['name']}:", status_text(one["status"]), end="")
        console.print(f"{how}{f', {why}' if why else ''}", markup=False)
    if not deliveries:
        console.print("no mail was made within a moment: see the deliveries in the console")
