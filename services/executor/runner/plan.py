"""What the runner is given and what it gives back: plain values."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from caselang.document import Case
from caselang.judgement import CaseVerdict
from caselang.template import JsonValue
from kit.egress import Egress
from kit.tls import Tls


@dataclass(frozen=True)
class Place:
    """Where a case runs: its project and environment, secrets decrypted. Lives in the worker's memory only."""

    project: Mapping[str, JsonValue] = field(default_factory=dict)
    """The project's variables."""
    environment: str | None = None
    base_urls: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, JsonValue] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    tls: Tls = field(default_factory=Tls)
    proxy: str | None = None
    egress: Egress = field(default_factory=Egress)

    def known(self) -> dict[str, JsonValue]:
        """The environment's variables as cases see them: `base_url`, `base_urls`, its own, its secrets."""
        urls: dict[str, JsonValue] = {"base_urls": dict(self.base_urls)}
        if "default" in self.base_urls:
            urls["base_url"] = self.base_urls["default"]
        return {**urls, **self.variables, **self.secrets}


@dataclass(frozen=True)
class Plan:
    """One case run to be driven."""

    case: Case
    called: Mapping[int, Case]
    """The cases that it calls, and those call."""
    row: Mapping[str, JsonValue] | None
    place: Place
    failed_stop: bool
    """The task's choice; the case's own wins."""
    only_failed_log: bool
    until_step: str | None = None
    case_id: int = 0


@dataclass(slots=True)
class StepReport:
    """How one step ended, secrets masked."""

    seq: int
    case_try: int
    path: str
    name: str
    type: str
    phase: str
    iteration: int | None
    status: str
    failure_class: str | None
    error: str | None
    skip_reason: str | None
    tries: int
    flaky: bool
    started_at: datetime | None
    duration_ms: int | None
    detail: bytes
    """JSON: request, response, timings_ms, asserts, captures …"""
    green: bytes | None
    """The whole detail of a passed step of which `detail` leaves out request and response."""

    @property
    def log_dropped(self) -> bool:
        """Whether `detail` leaves them out."""
        return self.green is not None


@dataclass(frozen=True)
class CaseEnd:
    """How a case run ended."""

    verdict: CaseVerdict
    status: str
    """The verdict's, or `cancelled`."""
    reason: str | None
    tries: int
    teardown_status: str | None
    first_failure: dict[str, Any] | None
    """{path, name, message, expected, actual} of the first step that did not pass, secrets masked and cut."""
    variables: bytes
    """JSON for the report: name, source, step, value."""
    duration_ms: int


class Signals:
    """How others stop a case that is running."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.cut: Callable[[], None] = nothing
        """Ends the open step at once; set by the runner."""

    def cancel(self, cut_after_seconds: float) -> None:
        """The run is cancelled: begin no further step, cut an open one after a while; the teardown still runs."""
        if not self.cancelled.is_set():
            self.cancelled.set()
            asyncio.get_running_loop().call_later(cut_after_seconds, lambda: self.cut())  # noqa: PLW0108 (the present one)


def nothing() -> None:
    """There is no open step."""


def json_bytes(value: Any) -> bytes:  # noqa: ANN401 (JSON)
    """JSON, also of what orjson refuses: whole numbers of more than 64 bits, halves of surrogate pairs."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()
