"""The mail about a run: subject, HTML and text, in the reader's language."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import Policy, default
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from contracts.executor import CaseOutcome, RunCompleted
from kit.messages import N_, translate
from kit.templates import templates
from services.notifier.rules.telling import FAILING, Change

NAME_LENGTH = 200
"""Longer names are cut: a mail is read, not scrolled sideways."""

STATUS_WORDS = {
    "passed": N_("Passed"),
    "failed": N_("Failed"),
    "error": N_("Error"),
    "skipped": N_("Skipped"),
    "cancelled": N_("Cancelled"),
}
_COLOURS = {"passed": "#18794e", "failed": "#c62a2f", "error": "#9a5b00", "skipped": "#60646c", "cancelled": "#60646c"}
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True)
class Letter:
    """All that a mail about a run is made of."""

    run: RunCompleted
    change: Change | None
    project_names: list[str]
    language: str
    zone: ZoneInfo
    public_url: str
    unsubscribe_url: str | None
    """None where the reader is not the recipient: the link works without logging in."""

    @property
    def report_url(self) -> str:
        """Where the report is read."""
        return self.public_url.rstrip("/") + self.run.report_path

    def say(self, text: str, **values: object) -> str:
        """A text in the reader's language, its placeholders filled."""
        return translate(text, values, in_language=self.language)


@dataclass(frozen=True)
class Rendered:
    """A mail as its reader sees it."""

    subject: str
    html: str
    text: str


def clean(name: str | None) -> str:
    """A name of someone else's choice as one line of bounded length, with invisible characters made visible."""
    line = " ".join(_INVISIBLE.sub(_visible, name or "").split())
    return line if len(line) <= NAME_LENGTH else line[: NAME_LENGTH - 1] + "…"


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    return " " if code < 0x20 or 0x7F <= code < 0xA0 else f"[U+{code:04X}]"  # noqa: PLR2004 (control characters)


def rate(value: float | None) -> str:
    """A pass rate for people: `80%`, `66.66%`, or a dash where nothing counts."""
    return "–" if value is None else f"{value:g}%"


def duration(milliseconds: float) -> str:
    """A duration for people: `812 ms`, `5.2 s`, `3 min 20 s`, `1 h 5 min`."""
    if milliseconds < 1000:  # noqa: PLR2004 (a second)
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:  # noqa: PLR2004 (a minute)
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 (an hour)
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def subject(run: RunCompleted, language: str) -> str:
    """The subject tells the result: `[失败 80%] 任务名`."""
    word = translate(STATUS_WORDS[run.status], in_language=language)
    result = word if run.pass_rate is None else f"{word} {rate(run.pass_rate)}"
    return f"[{result}] {clean(run.task_name)}"


_templates = templates(Path(__file__).parents[1] / "templates", clean=clean, rate=rate, duration=duration)


def render(letter: Letter) -> Rendered:
    """Write the mail. The pass rate of each case comes first; those that failed lead."""
    values = _values(letter)
    html, text = (_templates.get_template(f"run.{kind}").render(values) for kind in ("html", "txt"))
    return Rendered(values["subject"], html, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")


def summary(letter: Letter) -> list[str]:
    """The same in few plain lines without the link, below the 2048 bytes that the narrowest chat takes."""
    text = _templates.get_template("run.chat.txt").render(_values(letter))
    return [line for line in text.splitlines() if line]


def render_unsubscribe_page(language: str, task_name: str, *, done: bool) -> str:
    """The page behind a mail's unsubscribe link: the question, or that it is `done`."""

    def say(text: str, **values: object) -> str:
        return translate(text, values, in_language=language)

    page = _templates.get_template("unsubscribe.html")
    return page.render({"language": language, "task": clean(task_name), "done": done, "_": say})


def _values(letter: Letter) -> dict[str, Any]:
    run = letter.run
    started = run.started_at or run.finished_at
    cases = sorted(run.cases, key=_urgency)
    return {
        "subject": subject(run, letter.language),
        "run": run,
        "cases": cases,
        "failing": [case for case in cases if case.status in FAILING],
        "change": letter.change,
        "marks": _marks(letter.change),
        "project_names": letter.project_names,
        "language": letter.language,
        "_": letter.say,
        "status_words": STATUS_WORDS,
        "colours": _COLOURS,
        "time": partial(local_time, zone=letter.zone),
        "took_ms": (run.finished_at - started).total_seconds() * 1000,
        "report_url": letter.report_url,
        "unsubscribe_url": letter.unsubscribe_url,
    }


def _urgency(case: CaseOutcome) -> int:
    return 0 if case.status in FAILING else 1


def _marks(change: Change | None) -> dict[int, str]:
    if change is None:
        return {}
    return (
        dict.fromkeys(change.new, N_("newly failing"))
        | dict.fromkeys(change.still, N_("still failing"))
        | dict.fromkeys(change.recovered, N_("recovered"))
    )


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """A time for people, with its offset: `2025-08-26 15:00:00 +08:00`."""
    return moment.astimezone(zone).isoformat(sep=" ", timespec="seconds").replace("+", " +")


def is_address(text: str) -> bool:
    """Whether mail can be addressed so: one mailbox, nothing else."""
    try:
        return Address(addr_spec=text).addr_spec == text
    except (ValueError, MessageError, IndexError):
        return False


class _OneLine(UnstructuredHeader, BaseHeader):
    """A header that is never folded: Python would encode an address longer than a line, and no client reads that."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _OneLine)
_POLICY = default.clone(header_factory=_HEADERS)


def compose(
    delivery_id: UUID, rendered: Rendered, letter: Letter, sender: str, recipient: str, host: str
) -> EmailMessage:
    """Make the message that is handed to the mail server; its Message-ID is the same at every try."""
    message = EmailMessage(_POLICY)
    message["Subject"] = rendered.subject
    message["From"] = Address("Rounds", addr_spec=sender)
    message["To"] = recipient
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = f"<{delivery_id}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = letter.language
    if letter.unsubscribe_url is not None:
        message["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(rendered.text)
    message.add_alternative(rendered.html, subtype="html")
    return message
