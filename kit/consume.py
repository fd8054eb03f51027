"""Handling events: begin, inbox, handler, commit; and the three classes of fault.

Kafka and the embedded dispatcher both hand an event over by `Consumer.handle`, so that a service behaves alike in
one process and in five.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from opentelemetry.trace import SpanKind
from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.base import Event, StateEvent
from contracts.cloudevents import Envelope
from kit.db import Database
from kit.errors import AppError, is_infrastructure
from kit.telemetry import piece_of_work, run_id

log = logging.getLogger(__name__)

HANDLED = Counter("rounds_events_handled", "Events handled, by outcome", ["service", "topic", "outcome"])
DEAD_LETTERS = Counter("rounds_dead_letters", "Events put aside as dead letters", ["service", "topic"])

MAX_BACKOFF_SECONDS = 30.0

EventT = TypeVar("EventT", bound=Event)
Handler = Callable[[EventT, AsyncSession], Awaitable[None]]

_INSERT_DEAD_LETTER = text("""
    INSERT INTO dead_letter (event_id, topic, key, headers, value, reason, tries)
    VALUES (:event_id, :topic, :key, :headers, :value, :reason, :tries)
    ON CONFLICT (event_id) DO UPDATE SET reason = excluded.reason, tries = dead_letter.tries + excluded.tries
""").bindparams(bindparam("headers", type_=JSONB))


def backoff(most: float = MAX_BACKOFF_SECONDS) -> Iterator[float]:
    """Pauses between tries while infrastructure is away: 0.1 s, doubling up to `most` seconds, for ever."""
    return (min(0.1 * 2**n, most) for n in itertools.chain(range(20), itertools.repeat(20)))


class Consumer:
    """What a service does on the events of others: one handler per topic."""

    def __init__(self, database: Database, retry_delays: tuple[float, ...] = (1, 4, 12, 30)) -> None:
        """`retry_delays` are the pauses, in seconds, between the tries of an event that fails unexpectedly."""
        self.database = database
        self.retry_delays = retry_delays
        self.handlers: dict[str, tuple[type[Event], Handler[Any]]] = {}

    def on(self, event: type[EventT]) -> Callable[[Handler[EventT]], Handler[EventT]]:
        """Register the handler of an event; it runs inside the transaction that also fills the inbox."""

        def register(handler: Handler[EventT]) -> Handler[EventT]:
            self.handlers[event.topic] = (event, handler)
            return handler

        return register

    async def deliver(self, envelope: Envelope) -> bool:
        """Handle an event once: begin, inbox, handler, commit. Answers False for a duplicate, which has no effect.

        State events need no inbox: their handlers keep the higher revision.
        """
        kind, handler = self.handlers[envelope.topic]
        event = envelope.payload(kind)
        async with self.database.transaction() as session:
            if not issubclass(kind, StateEvent) and not await _first_time(session, envelope):
                return False
            await handler(event, session)
        return True

    async def handle(self, envelope: Envelope) -> None:
        """Deliver an event, trying again as its fault asks for; returns once it is done with, or a dead letter.

        Infrastructure: for ever, with backoff. Refusal: a dead letter at once. Anything else: five tries, then a
        dead letter.
        """
        run = envelope.key if envelope.topic.startswith("run.") else None
        run_id.set(run)
        known = {"service": self.database.name, "run_id": run}
        with piece_of_work(f"process {envelope.topic}", envelope.traceparent, known, SpanKind.CONSUMER):
            await self._handle(envelope)

    async def _handle(self, envelope: Envelope) -> None:
        pauses, tries = backoff(), 0
        while True:
            try:
                outcome = "handled" if await self.deliver(envelope) else "duplicate"
            except Exception as error:
                refusal = isinstance(error, AppError | ValidationError)
                if is_infrastructure(error):
                    pause = next(pauses)
                    log.warning("%s waits %.1f s to handle %s: %s", self.database.name, pause, envelope.topic, error)
                elif refusal or tries >= len(self.retry_delays):
                    log.exception("%s cannot handle %s %s", self.database.name, envelope.topic, envelope.id)
                    await self._put_aside(envelope, error, tries + 1)
                    outcome = "dead_letter"
                    break
                else:
                    pause = self.retry_delays[tries]
                    tries += 1
                    log.warning(
                        "%s tries %s again in %.1f s", self.database.name, envelope.topic, pause, exc_info=error
                    )
                await asyncio.sleep(pause)
            else:
                break
        HANDLED.labels(self.database.name, envelope.topic, outcome).inc()

    async def _put_aside(self, envelope: Envelope, error: Exception, tries: int) -> None:
        pauses = backoff()
        while True:
            try:
                async with self.database.transaction() as session:
                    await session.execute(
                        _INSERT_DEAD_LETTER,
                        {
                            "event_id": envelope.id,
                            "topic": envelope.topic,
                            "key": _storable(envelope.key),
                            "headers": {name: _storable(value) for name, value in envelope.headers().items()},
                            "value": envelope.value,
                            "reason": _storable(f"{type(error).__name__}: {error}"),
                            "tries": tries,
                        },
                    )
            except Exception as fault:
                if not is_infrastructure(fault):
                    raise
                log.warning("%s cannot keep a dead letter yet: %s", self.database.name, fault)
                await asyncio.sleep(next(pauses))
            else:
                DEAD_LETTERS.labels(self.database.name, envelope.topic).inc()
                return


def _storable(received: str) -> str:
    """A text without what PostgreSQL refuses: U+0000 and lone surrogates."""
    return received.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


async def _first_time(session: AsyncSession, envelope: Envelope) -> bool:
    insert = text("INSERT INTO inbox (event_id) VALUES (:id) ON CONFLICT DO NOTHING RETURNING event_id")
    return (await session.execute(insert, {"id": envelope.id})).first() is not None
