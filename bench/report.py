"""What a benchmark found: rows of a table, and targets that were reached or missed."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path("build/bench")


@dataclass
class Row:
    """One figure, beside what it has to be."""

    name: str
    value: float
    unit: str
    target: str = ""
    reached: bool | None = None
    """None: there is no target."""
    note: str = ""


@dataclass
class Report:
    """The figures of one benchmark; they are printed as they come, and kept as JSON."""

    name: str
    quick: bool
    rows: list[Row] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Peers that could not be had or run, and why."""

    def add(self, name: str, value: float, unit: str, note: str = "") -> float:
        """A figure without a target; answers it."""
        return self._keep(Row(name, value, unit, note=note))

    def at_least(self, name: str, value: float, unit: str, target: float, note: str = "") -> float:
        """A figure that must not be smaller than its target; answers it."""
        return self._keep(Row(name, value, unit, f"≥ {target:g}", value >= target, note))

    def at_most(self, name: str, value: float, unit: str, target: float, note: str = "") -> float:
        """A figure that must not be larger than its target; answers it."""
        return self._keep(Row(name, value, unit, f"≤ {target:g}", value <= target, note))

    def _keep(self, row: Row) -> float:
        self.rows.append(row)
        verdict = {None: "", True: "reached", False: "MISSED"}[row.reached]
        print(f"  {row.name}: {figure(row.value)} {row.unit} {row.target} {verdict} {row.note}".rstrip(), flush=True)
        return row.value

    def leave_out(self, peer: str, why: str) -> None:
        """Name a peer that has no figure."""
        self.left_out[peer] = why
        print(f"  {peer}: left out, {why}", flush=True)

    def finish(self) -> bool:
        """Print the table and write `build/bench/<name>.json`; answers whether every target was reached."""
        table = Table("", "measured", "unit", "target", "", "", title=f"{self.name}: {machine()}", title_justify="left")
        for row in self.rows:
            verdict = {None: "", True: "[green]reached[/]", False: "[red]MISSED[/]"}[row.reached]
            table.add_row(row.name, figure(row.value), row.unit, row.target, verdict, row.note)
        for peer, why in self.left_out.items():
            table.add_row(peer, "–", "", "", "left out", why)
        Console(width=150).print(table)
        FOLDER.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {"at": datetime.now(UTC).isoformat(), "machine": machine(), **asdict(self)}
        (FOLDER / f"{self.name}.json").write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
        return all(row.reached is not False for row in self.rows)


def machine() -> str:
    """What the figures were measured on, and how busy it was."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}"


def figure(value: float) -> str:
    """A number in as many digits as it is worth."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2f}"


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of the values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
