"""Logs as JSON lines with request, run and trace ids; traces, and the trace context that events carry on.

The spans of requests are FastAPI's, which also sends all spans to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT`
names. Without one no span is made; the trace context is passed on all the same.
"""

import logging
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pythonjsonlogger.json import JsonFormatter

from kit.settings import settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
run_id: ContextVar[str | None] = ContextVar("run_id", default=None)
traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""W3C trace context of the work in hand: `00-<trace id>-<parent id>-01`."""

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def new_traceparent(given: str | None = None) -> str:
    """A child of the given trace context, or the root of a new trace."""
    trace = given.split("-")[1] if given and _TRACEPARENT.fullmatch(given) else secrets.token_hex(16)
    return f"00-{trace}-{secrets.token_hex(8)}-01"


def trace_id() -> str | None:
    """The trace id of the work in hand."""
    context = traceparent.get()
    return context.split("-")[1] if context else None


Attributes = Mapping[str, str | int | None]
_propagator = TraceContextTextMapPropagator()
_tracer: list[Tracer] = []
"""The tracer, when spans are wanted."""
_NOTHING = nullcontext()


def start_tracing() -> None:
    """Make spans from now on, if something takes them. Call it when the application starts."""
    _tracer[:] = (
        [] if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider) else [trace.get_tracer("rounds")]
    )


def is_traced() -> bool:
    """Whether something takes spans."""
    return bool(_tracer)


def continue_request(given: str | None) -> None:
    """Set the trace context of a request: that of its span, or without one a child of what it brought along."""
    found = trace.get_current_span().get_span_context()
    traceparent.set(_text(found) if found.is_valid else new_traceparent(given))


@contextmanager
def piece_of_work(
    name: str,
    parent: str | None,
    attributes: Attributes,
    kind: SpanKind = SpanKind.INTERNAL,
    since: datetime | None = None,
) -> Iterator[Span | None]:
    """Work that another process or an earlier moment led to: it continues the trace `parent`, or begins one.

    `since`: when it began, if not now. Attributes are named `rounds.…` in the span, which there is only with a
    collector.
    """
    if not _tracer:
        token = traceparent.set(new_traceparent(parent))
        try:
            yield None
        finally:
            traceparent.reset(token)
        return
    with _tracer[0].start_as_current_span(
        name,
        _propagator.extract({"traceparent": parent or ""}),
        kind,
        {f"rounds.{key}": value for key, value in attributes.items() if value is not None},
        start_time=None if since is None else int(since.timestamp() * 1e9),
        record_exception=False,  # its text may hold a secret
        set_status_on_exception=False,
    ) as made:
        token = traceparent.set(_text(made.get_span_context()))
        try:
            yield made
        except Exception as error:
            made.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            traceparent.reset(token)


def span(
    name: str,
    attributes: Attributes,
    parent: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    since: datetime | None = None,
) -> AbstractContextManager[Span | None]:
    """A part of the work in hand, or of `parent`. Costs nothing, and does nothing, without a collector."""
    return piece_of_work(name, parent or traceparent.get(), attributes, kind, since) if _tracer else _NOTHING


def note(made: Span | None, **attributes: str | int) -> None:
    """Say more of a span, where there is one."""
    if made is not None:
        made.set_attributes({f"rounds.{key}": value for key, value in attributes.items()})


def _text(context: trace.SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


class _Context(logging.Filter):
    """Adds the ids of the work in hand to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in (("request_id", request_id.get()), ("run_id", run_id.get()), ("trace_id", trace_id())):
            if value is not None:
                setattr(record, name, value)
        return True


class _OncePerOutage(logging.Filter):
    """Of what aiokafka says while the broker is away, the first is a warning and the rest is for DEBUG.

    An outage is over when nothing was said for half a minute. What the broker itself refuses is not meant here.
    """

    SYMPTOMS = (
        "Unable connect to",
        "Unable to request metadata",
        "Unable to update metadata",
        "Error sending",
        "Marking the coordinator dead",
        "Group Coordinator Request failed",
        "Heartbeat session expired",
        "Heartbeat send request failed",
        "Heartbeat failed for group %s: coordinator",
        "Failed fetch messages",
        "Failed fetch offsets",
        "OffsetCommit failed before join",
        "LeaveGroup request failed",
        "Cannot send",
        "Could not send",
    )
    OVER_AFTER_SECONDS = 30

    def __init__(self) -> None:
        super().__init__()
        self._last = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka") or not str(record.msg).startswith(self.SYMPTOMS):
            return True
        goes_on = record.created < self._last + self.OVER_AFTER_SECONDS
        self._last = record.created
        record.levelno = logging.DEBUG if goes_on else logging.WARNING
        record.levelname = logging.getLevelName(record.levelno)
        return not goes_on or logging.getLogger().isEnabledFor(logging.DEBUG)


def configure_logging() -> None:
    """Send every log record to standard error, as `ROUNDS_LOG_FORMAT` and `ROUNDS_LOG_LEVEL` say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_OncePerOutage())
    handler.addFilter(_Context())
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}", style="{", rename_fields={"asctime": "time", "levelname": "level"}
        )
        if settings().log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"),
    )
    logging.basicConfig(handlers=[handler], level=settings().log_level, force=True)
    for noisy in ("aiokafka", "httpx", "httpcore", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
