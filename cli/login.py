"""`rounds login`, `rounds logout`."""

import socket
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from cli.api import DEFAULT_URL, Api, Refused, Unreachable, Url, explained, store_tokens, stored_tokens
from cli.output import console, errors, fail

KEPT_DAYS = 90

app = typer.Typer()

Password = Annotated[
    str | None, typer.Option(envvar="ROUNDS_PASSWORD", help="asked for when not given", show_envvar=True)
]
NewPassword = Annotated[
    str | None, typer.Option(help="the password from now on, where the first one must be changed before anything else")
]


@app.command(rich_help_panel="Use Rounds")
def login(
    username: Annotated[str, typer.Argument(help="name of the user")] = "admin",
    password: Password = None,
    new_password: NewPassword = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="how long the log-in lasts")] = KEPT_DAYS,
    url: Url = DEFAULT_URL,
) -> None:
    """Make an API token and keep it in ~/.config/rounds/token.json for the other commands.

    A session in the browser goes on. `rounds logout` deletes the token.

    For example:

    - `rounds login`
    - `rounds login bob --url https://rounds.example.com`
    """
    with explained():
        made = log_in(Api(url), username, password or ask_password(username), new_password, timedelta(days=days))
    kept = {"token": made["token"], "id": made["id"], "username": username, "expires_at": made["expires_at_utc"]}
    store_tokens(stored_tokens() | {url.rstrip("/"): kept})
    console.print(f"Logged in at {url} as {username} until {made['expires_at_utc']}.")


@app.command(rich_help_panel="Use Rounds")
def logout(url: Url = DEFAULT_URL) -> None:
    """Delete the token that `rounds login` made, on the server and here.

    For example:

    - `rounds logout`
    """
    tokens = stored_tokens()
    kept = tokens.pop(url.rstrip("/"), None)
    if kept is None:
        fail(f"not logged in at {url}")
    store_tokens(tokens)
    try:
        Api(url, kept["token"]).call("DELETE", "/user/tokens", params={"id": kept["id"]})
    except (Refused, Unreachable) as error:
        errors.print(f"The token is deleted here; on the server it lives on until {kept['expires_at']}: {error}")
    console.print(f"Logged out at {url}.")


def log_in(api: Api, username: str, password: str, new_password: str | None, lasts: timedelta) -> dict[str, Any]:
    """Make an API token by name and password; a first password is changed before, on a terminal after asking.

    Raises: Refused, Unreachable; typer.Exit when the password must be changed and there is nobody to ask.
    """
    expires_at = (datetime.now(UTC) + lasts).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted = {"name": f"rounds on {socket.gethostname()}", "scopes": ["read", "run", "write"], "expires_at": expires_at}
    try:
        made: dict[str, Any] = api.call(
            "POST", "/user/tokens", json={**wanted, "username": username, "password": password}
        )
    except Refused as error:
        if error.code != "must_change_password":
            raise
        new_password = new_password or _ask_new_password(str(error))
        session = Api(
            api.url, api.call("POST", "/user/login", json={"username": username, "password": password})["token"]
        )
        session.call("POST", "/user/change-password", json={"old_password": password, "password": new_password})
        made = api.call("POST", "/user/tokens", json={**wanted, "username": username, "password": new_password})
    return made


def ask_password(username: str) -> str:
    """Ask on the terminal.

    Raises: typer.Exit when there is none.
    """
    if not sys.stdin.isatty():
        fail("give --password or ROUNDS_PASSWORD: there is no terminal to ask on")
    return str(typer.prompt(f"Password of {username}", hide_input=True))


def _ask_new_password(reason: str) -> str:
    if not sys.stdin.isatty():
        fail(f"{reason}: give --new-password")
    console.print(reason)
    return str(typer.prompt("New password", hide_input=True, confirmation_prompt=True))
