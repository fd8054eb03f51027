"""What commands print: tables for people, JSON for programs, failures on standard error."""

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

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


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings; None is a dash. Cells may be rich texts; plain ones are shown as they are."""
    console.print(table(columns, rows))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str | None = None) -> Table:
    """The same, to be printed."""
    made = Table(*columns, box=SIMPLE, pad_edge=False, caption=caption, caption_justify="left")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text("-" if cell is None else str(cell)) for cell in row))
    return made


def fail(message: str, code: int = ERROR) -> NoReturn:
    """End the command with a message on standard error.

    Raises: typer.Exit.
    """
    errors.print(f"[bold red]Error:[/] {escape(message)}")
    raise typer.Exit(code)
