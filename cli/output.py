"""What commands print: tables for people, JSON for programs, failures on standard error."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
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
SECOND_MS = 1000


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


STYLES = {
    "passed": "green",
    "completed": "green",
    "sent": "green",
    "failed": "red",
    "error": "magenta",
    "lost": "magenta",
    "running": "yellow",
    "queued": "yellow",
    "pending": "cyan",
}


def status_text(status: str | None) -> Text:
    """A status in its colour."""
    return Text(status or "-", STYLES.get(status or "", "dim"))


def local_time(text: str | None) -> str | None:
    """An instant of an answer, in the zone of this machine."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}" if text else None


def percent(rate: float | None) -> str | None:
    """A pass rate, which answers give in hundredths."""
    return None if rate is None else f"{rate:g} %"


def milliseconds(value: float | None) -> str | None:
    """A length of time as people read it."""
    if value is None:
        return None
    return f"{value:.0f} ms" if value < SECOND_MS else f"{value / SECOND_MS:.1f} s"
