"""What a service is, and the application that runs one of them or all five in one process."""

import itertools
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy import text

from contracts.topics import TOPICS, topic_named
from kit import kafka, relay
from kit.consume import Consumer, backoff
from kit.db import Database
from kit.dispatch import dispatch
from kit.edge import Edge
from kit.errors import is_infrastructure
from kit.http import add_error_handlers
from kit.loops import MAX_PAUSE_SECONDS, Loop, Supervisor, run_loop
from kit.migrate import pending
from kit.partitions import keep_daily_partitions
from kit.settings import SERVICES, settings
from kit.telemetry import start_tracing
from kit.wake import any_of

log = logging.getLogger(__name__)

INBOX_KEPT_DAYS = 30
OUTBOX_KEPT_DAYS = 7
PURGED_AT_ONCE = 5000
HOUR = 3600.0
PLATFORM_PATHS = {"/healthz", "/readyz", "/metrics"}
_PURGE = text("""
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE published_at < clock_now() - make_interval(days => :days) LIMIT :limit)
    RETURNING 1
""")


@dataclass(frozen=True)
class Measure:
    """A number that the database knows, read when metrics are asked for; each process of a service tells the same."""

    gauge: Gauge
    """Its first label is `service`."""
    query: str
    """Rows of the other labels' values, if there are such, and the number."""


MEASURES = (
    Measure(
        Gauge("rounds_outbox_oldest_seconds", "Age of the oldest unpublished event", ["service"]),
        "SELECT coalesce(extract(epoch FROM clock_now() - min(time)), 0) FROM outbox WHERE published_at IS NULL",
    ),
    Measure(
        Gauge("rounds_dead_letters_kept", "Dead letters that wait for somebody to decide", ["service"]),
        "SELECT count(*) FROM dead_letter",
    ),
)


TELEMETRY: TelemetryConfig = {
    "auto_configure": True,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "exclude": lambda scope: scope["path"] in PLATFORM_PATHS,
}
"""Spans of requests, sent where the standard `OTEL_…` variables say; metrics are Prometheus' to ask for."""


@dataclass(frozen=True)
class Service:
    """A service's table of contents: everything that it is made of."""

    name: str
    database: Database
    migrations: ModuleType
    routers: Sequence[APIRouter]
    consumer: Consumer
    loops: Sequence[Loop] = ()
    measures: Sequence[Measure] = ()
    on_start: Sequence[Any] = ()
    """Coroutine functions run before the loops, each free to open transactions. While the database is out of reach they
    are run again, all of them."""


def create_app(services: Sequence[Service]) -> FastAPI:
    """The application of one service, or of several in one process.

    Raises: RuntimeError when there is no Kafka and some of the five services are missing.
    """
    if services and settings().embedded and {service.name for service in services} != set(SERVICES):
        message = "without ROUNDS_KAFKA_BOOTSTRAP_SERVERS all five services must run in one process (`rounds up`)"
        raise RuntimeError(message)
    supervisor = Supervisor()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for service in services:
                service.database.open()
                stack.push_async_callback(service.database.close)
            supervisor.stopping.clear()
            supervisor.stop_by = None
            stack.push_async_callback(supervisor.stop, settings().grace_seconds)
            await _start(services, supervisor)
            yield

    app = FastAPI(title="Rounds", lifespan=lifespan, redirect_slashes=False, openapi_url=None, telemetry=TELEMETRY)
    app.state.supervisor = supervisor
    app.add_middleware(Edge)
    add_error_handlers(app)
    for service in services:
        for router in service.routers:
            app.include_router(router)
    app.include_router(_platform_endpoints(services, supervisor))
    return app


async def _start(services: Sequence[Service], supervisor: Supervisor) -> None:
    start_tracing()
    for service in services:
        service.database.subscribers = subscribers
        supervisor.start(f"endless:{service.name}.wake", service.database.wakeups.run())
    if await _prepared(services):
        _start_loops(services, supervisor)
    else:
        supervisor.start("endless:start", _start_later(services, supervisor))


async def _prepared(services: Sequence[Service]) -> bool:
    """Do what comes before the loops; False: the database is out of reach."""
    try:
        for service in services:
            for prepare in service.on_start:
                await prepare()
    except Exception as error:
        if not is_infrastructure(error):
            raise
        log.warning("the start is tried again: %s", error)
        return False
    return True


async def _start_later(services: Sequence[Service], supervisor: Supervisor) -> None:
    for pause in backoff(MAX_PAUSE_SECONDS):
        await any_of((supervisor.stopping,), pause)
        if supervisor.stopping.is_set():
            return
        if await _prepared(services):
            break
    _start_loops(services, supervisor)
    await supervisor.stopping.wait()


def _start_loops(services: Sequence[Service], supervisor: Supervisor) -> None:
    supervisor.started = True
    for service in services:
        for loop in [*service.loops, Loop(_maintenance(service.database))]:
            supervisor.start(f"{service.name}.{loop.name}", run_loop(loop, service.database, supervisor.stopping))
    if settings().embedded:
        for publisher, subscriber in itertools.product(services, services):
            topics = {topic.name for topic in TOPICS if topic.producer == publisher.name}
            if topics & subscriber.consumer.handlers.keys():
                work = dispatch(publisher.database, subscriber.consumer, supervisor.stopping)
                supervisor.start(f"{publisher.name}.to.{subscriber.name}", work)
        return
    for service in services:
        supervisor.start(f"endless:{service.name}.relay", relay.relay(service.database))
        supervisor.start(f"{service.name}.consume", kafka.consume(service.consumer, supervisor.stopping))


def subscribers(topic: str) -> tuple[str, ...]:
    """Who gets a row of each event of a topic: Kafka (`*`), or without it every service that listens."""
    return topic_named(topic).consumers if settings().embedded else ("*",)


def _maintenance(database: Database) -> Any:  # noqa: ANN401 (a loop's step)
    async def maintenance() -> float:
        """Make and drop the inbox's partitions, purge published events."""
        async with database.transaction() as session:
            await keep_daily_partitions(session, "inbox", ahead_days=3, keep_days=INBOX_KEPT_DAYS)
        while True:
            async with database.transaction() as session:
                purged = await session.execute(_PURGE, {"days": OUTBOX_KEPT_DAYS, "limit": PURGED_AT_ONCE})
            if len(purged.all()) < PURGED_AT_ONCE:
                return HOUR

    return maintenance


def _platform_endpoints(services: Sequence[Service], supervisor: Supervisor) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> JSONResponse:
        """Whether the process works: its loop answers and no supervised task has died."""
        dead = supervisor.dead()
        return JSONResponse({"status": "dead" if dead else "ok", "dead": dead}, status_code=503 if dead else 200)

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """Whether requests can be served: databases reachable, migrations at head, not about to stop.

        The broker is no condition.
        """
        states = {service.name: await _readiness(service) for service in services}
        working = supervisor.started and not supervisor.stopping.is_set()
        ready = working and all(state == "ready" for state in states.values())
        body = {"status": "ready" if ready else "not_ready", "services": states, "broker": _broker_state()}
        return JSONResponse(body, status_code=200 if ready else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        """Prometheus metrics of this process."""
        for service in services:
            try:
                await _measure(service)
            except Exception as error:
                if not is_infrastructure(error):
                    raise
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _readiness(service: Service) -> str:
    try:
        return "migrations_pending" if await pending(service.database, service.migrations) else "ready"
    except Exception as error:
        if not is_infrastructure(error):
            raise
        return "database_unreachable"


def _broker_state() -> str:
    return "embedded" if settings().embedded else relay.state()


async def _measure(service: Service) -> None:
    async with service.database.transaction() as session:
        for measure in (*MEASURES, *service.measures):
            for *labels, number in (await session.execute(text(measure.query))).all():
                measure.gauge.labels(service.name, *labels).set(float(number))
