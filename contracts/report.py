"""A step as reports and exported files show it. Secrets are masked in all of it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

StepStatus = Literal["passed", "failed", "error", "skipped", "cancelled"]


class Shown(BaseModel):
    """A piece of a report. Readers ignore fields that they do not know: more may come."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class StepRequest(Shown):
    """What was sent, or was to be sent where no answer came."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    """Pairs, since a name may come twice."""
    body: str
    """As text, cut after 64 KiB."""
    body_bytes: int
    truncated: bool
    masked: list[dict[str, JsonValue]]
    """{pointer, name} of each secret that was masked."""
    redirects: list[JsonValue] | None = None


class StepResponse(Shown):
    """What came back."""

    status: int
    http_version: str
    ip: str | None
    headers: list[tuple[str, str]]
    body: str
    body_bytes: int
    truncated: bool


class StepAssert(Shown):
    """One assertion: what was looked at, what was expected, what was found."""

    query: dict[str, JsonValue]
    predicate: str
    negated: bool = Field(alias="not")
    expected: JsonValue
    actual: JsonValue
    passed: bool
    message: str | None


class StepCapture(Shown):
    """One value that was to be taken from the answer."""

    name: str
    value: JsonValue
    found: bool
    error: str | None


class StepRead(Shown):
    """How one step ended. A request has `request` and `response`, an SQL statement `sql`, `rows` and `row_count`."""

    seq: int
    path: str
    """`5.2.3`: group 5, iteration 2, step 3; `t1`: the first of the teardown."""
    name: str
    type: str
    phase: Literal["main", "teardown"]
    iteration: int | None
    status: StepStatus
    failure_class: str | None
    error: str | None
    skip_reason: str | None
    case_try: int
    """Which try of the whole case; only the last one counts."""
    tries: int
    flaky: bool
    """It passed, but not at its first try."""
    started_at: datetime | None
    duration_ms: int | None
    log_dropped: bool
    """Request and response were not kept, since the step passed."""
    request: StepRequest | None
    response: StepResponse | None
    timings_ms: dict[str, float | None] | None
    asserts: list[StepAssert]
    captures: list[StepCapture]
    earlier: list[dict[str, Any]] | None = None
    """The tries before the last one."""
    when: dict[str, JsonValue] | None = None
    repeat_until: dict[str, JsonValue] | None = None
    sql: dict[str, JsonValue] | None = None
    rows: list[JsonValue] | None = None
    row_count: int | None = None
