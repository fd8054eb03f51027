"""Calls of the HTTP API of a running Rounds, by a token."""

import ipaddress
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import typer

from cli.output import ERROR, fail

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 30.0

Url = Annotated[str, typer.Option("--url", envvar="ROUNDS_URL", help="where Rounds is", rich_help_panel="Connection")]
Token = Annotated[
    str | None,
    typer.Option(
        "--token", envvar="ROUNDS_TOKEN", help="default: that of `rounds login`", rich_help_panel="Connection"
    ),
]


class Refused(Exception):
    """Rounds answered with an error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        """Keep what the answer says; `body` is that of every error."""
        self.status = status
        self.code = str(body.get("code", ""))
        faults = [f"\n  {fault.get('field')}: {_fault_text(fault)}" for fault in body.get("errors", ())]
        super().__init__(f"{body.get('msg', 'no reason given')} ({self.code or status}){''.join(faults)}")


class Unreachable(Exception):
    """Rounds does not answer, or not as Rounds does."""


def _fault_text(fault: dict[str, Any]) -> str:
    more = ", ".join(f"{name} {value}" for name, value in fault.items() if name not in {"field", "reason", "msg"})
    return " ".join(part for part in (str(fault.get("msg", fault.get("reason"))), f"({more})" if more else "") if part)


class Api:
    """A client of one Rounds."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """Without a token only what needs none can be called."""
        self.url = url.rstrip("/")
        headers = {"Accept-Language": "zh" if os.environ.get("LANG", "").startswith("zh") else "en"}
        if token is not None:
            headers["Authorization"] = f"Token {token}"
        self.client = httpx.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=not _is_this_machine(url)
        )

    def call(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 (JSON)
        """Answer the JSON of a success, None when there is none. Options are httpx's: `json`, `params`, `headers`.

        Raises: Refused, Unreachable.
        """
        return self.exchange(method, path, **options)[0]

    def download(self, path: str, **options: Any) -> bytes:  # noqa: ANN401 (httpx's)
        """Answer the bytes of a file.

        Raises: Refused, Unreachable.
        """
        try:
            answer = self.client.get(path, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{self.url} does not answer: {error}") from error
        if answer.is_error:
            raise Refused(answer.status_code, {"msg": f"{path} is refused with {answer.status_code}"})
        return answer.content

    def exchange(self, method: str, path: str, **options: Any) -> tuple[Any, httpx.Headers]:  # noqa: ANN401 (JSON)
        """The same with the answer's headers.

        Raises: Refused, Unreachable.
        """
        try:
            answer = self.client.request(method, path, **options)
            body = answer.json() if answer.content else None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{self.url} does not answer: {error}") from error
        except ValueError as error:
            raise Unreachable(f"{self.url} answered {answer.status_code} without JSON: is this Rounds?") from error
        if answer.is_error:
            raise Refused(answer.status_code, body if isinstance(body, dict) else {})
        return body, answer.headers


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def connected(url: str, token: str | None) -> Iterator[Api]:
    """The API for the length of a block, with the stored token unless one is given; what it refuses ends the command.

    Raises: typer.Exit with code 2.
    """
    known = token or stored_tokens().get(url.rstrip("/"), {}).get("token")
    if known is None:
        fail(f"not logged in at {url}: run `rounds login`, or give --token or ROUNDS_TOKEN")
    with explained():
        yield Api(url, known)


@contextmanager
def explained() -> Iterator[None]:
    """End the command with the reason on standard error when a call in the block fails.

    Raises: typer.Exit with code 2.
    """
    try:
        yield
    except Refused as error:
        hint = "\nrun `rounds login`" if error.status == httpx.codes.UNAUTHORIZED else ""
        fail(f"{error}{hint}", ERROR)
    except Unreachable as error:
        fail(str(error), ERROR)


def token_file() -> Path:
    """Where log-ins are kept, by address."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "rounds" / "token.json"


def stored_tokens() -> dict[str, dict[str, Any]]:
    """Log-ins by address: token, its id, username and when it expires."""
    try:
        stored: dict[str, dict[str, Any]] = json.loads(token_file().read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        fail(f"{token_file()} is no JSON: {error}")
    return stored


def store_tokens(tokens: dict[str, dict[str, Any]]) -> None:
    """Keep log-ins where only their user can read them."""
    path = token_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(json.dumps(tokens, indent=2) + "\n")
    new.rename(path)
