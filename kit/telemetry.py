"""Logs as JSON lines with request, run and trace ids, and the trace context that events carry on."""

import logging
import re
import secrets
import sys
from contextvars import ContextVar

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


class _Context(logging.Filter):
    """Adds the ids of the work in hand to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in (("request_id", request_id.get()), ("run_id", run_id.get()), ("trace_id", trace_id())):
            if value is not None:
                setattr(record, name, value)
        return True


def configure_logging() -> None:
    """Send every log record to standard error, as `ROUNDS_LOG_FORMAT` and `ROUNDS_LOG_LEVEL` say."""
    handler = logging.StreamHandler(sys.stderr)
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
