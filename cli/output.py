"""What commands print: tables for people, JSON for programs, failures on standard error."""

import sys
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.markup import escape

FAILED = 1
ERROR = 2
WIDTH_WITHOUT_TERMINAL = 200


class Format(StrEnum):
    """For whom the output is."""

    table = "table"
    json = "json"


Output = Annotated[Format, typer.Option("--output", "-o", help="table for people, json for programs")]

console = Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False, soft_wrap=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:  # noqa: ANN401 (JSON)
    """One JSON document on standard output."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), flush=True)


def fail(message: str, code: int = ERROR) -> NoReturn:
    """End the command with a message on standard error.

    Raises: typer.Exit.
    """
    errors.print(f"[bold red]Error:[/] {escape(message)}")
    raise typer.Exit(code)
