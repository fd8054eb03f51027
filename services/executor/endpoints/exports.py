"""A whole report as one file: JSON with a schema, a page of HTML, and the two formats that CI systems read."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson

from kit.messages import N_, language, translate
from kit.settings import settings
from kit.templates import templates
from services.executor.endpoints import exports_ci
from services.executor.schemas import CaseReport, RunRead

Format = Literal["json", "junit", "ctrf", "html"]
FORMAT = "rounds/run-report/v1"
SUFFIXES = {"junit": "xml", "ctrf": "ctrf.json"}
"""Of the file's name, where it is not the format's own."""

STATUS_WORDS = {
    "passed": N_("Passed"),
    "failed": N_("Failed"),
    "error": N_("Error"),
    "skipped": N_("Skipped"),
    "cancelled": N_("Cancelled"),
    "waiting": N_("Waiting"),
    "queued": N_("Queued"),
    "running": N_("Running"),
    "cancelling": N_("Cancelling"),
}


def render(report: RunRead, cases: Sequence[CaseReport], wanted: Format) -> tuple[bytes, str]:
    """The file's bytes and their media type."""
    if wanted == "junit":
        return exports_ci.junit(report, cases), "application/xml"
    if wanted == "ctrf":
        return _json(exports_ci.ctrf(report, cases)), "application/json"
    if wanted == "html":
        return _html(report, cases).encode(errors="replace"), "text/html; charset=utf-8"
    whole = {"format": FORMAT, **report.model_dump(mode="json")}
    return _json(whole | {"cases": [case.model_dump(mode="json") for case in cases]}), "application/json"


def _json(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def _html(report: RunRead, cases: Sequence[CaseReport]) -> str:
    def say(text: str, **values: object) -> str:
        return translate(text, values)

    return _templates.get_template("run.html").render(
        run=report,
        cases=cases,
        language=language.get(),
        _=say,
        status_words=STATUS_WORDS,
        steps_of=exports_ci.steps_that_count,
        why=exports_ci.why,
        title_of=exports_ci.title,
        exchange=_exchange,
    )


def _exchange(step: dict[str, Any]) -> list[tuple[str, str]]:
    """What was sent and what came back, as text, each with its name."""
    found = []
    if request := step["request"]:
        found.append((N_("Request"), _message(f"{request['method']} {request['url']}", request)))
    if response := step["response"]:
        found.append((N_("Response"), _message(f"HTTP/{response['http_version']} {response['status']}", response)))
    return found


def _message(first: str, side: dict[str, Any]) -> str:
    lines = [first, *(f"{name}: {value}" for name, value in side["headers"])]
    body = side["body"] + ("…" if side["truncated"] else "")
    return "\n".join([*lines, "", body] if body else lines)


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:g}%"


def _duration(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "–"
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.1f} s"  # noqa: PLR2004 (a second)


def _time(moment: datetime | None) -> str:
    if moment is None:
        return "–"
    local = moment.astimezone(ZoneInfo(settings().timezone))
    return local.isoformat(sep=" ", timespec="seconds").replace("+", " +")


_templates = templates(Path(__file__).parents[1] / "templates", rate=_rate, duration=_duration, time=_time)
