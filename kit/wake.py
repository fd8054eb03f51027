"""Waking those who wait for work: an event inside the process, NOTIFY for the others, a poll beneath."""

import asyncio
import contextlib
import logging
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import asyncpg

from kit.errors import is_infrastructure

log = logging.getLogger(__name__)

NOTIFY_EVERY_SECONDS = 0.01


class Wakeups:
    """The bells of one schema. A channel is a short word, such as `outbox` or `due`.

    NOTIFY goes out on a connection of its own, never inside the transaction that did the work: there it takes a
    lock that lets only one commit at a time.
    """

    def __init__(self, schema: str, connect: Callable[[], Awaitable["asyncpg.Connection[Any]"]]) -> None:
        """Schema names the PostgreSQL channel; `connect` opens the connection that listens and notifies."""
        self._schema = schema
        self._connect = connect
        self._bells: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._outgoing: set[str] = set()
        self._pending = asyncio.Event()
        self._sender = secrets.token_hex(4)

    def ring(self, channel: str) -> None:
        """Wake everyone who waits on the channel, here at once and in other processes soon."""
        self._ring_here(channel)
        self._outgoing.add(channel)
        self._pending.set()

    def _ring_here(self, channel: str) -> None:
        for bell in self._bells[channel]:
            bell.set()

    @contextlib.contextmanager
    def bell(self, channel: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the channel is rung; whoever waits clears it."""
        bell = asyncio.Event()
        self._bells[channel].add(bell)
        try:
            yield bell
        finally:
            self._bells[channel].discard(bell)

    async def run(self) -> None:
        """Carry rings between processes until cancelled. Losing the connection loses speed only: there are polls."""
        while True:
            try:
                await self._carry()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("no wake-ups from other processes: %s", error)
                await asyncio.sleep(1)

    async def _carry(self) -> None:
        connection = await self._connect()
        try:
            await connection.add_listener(self._schema, self._heard)
            while True:
                await any_of([self._pending], 5)
                self._pending.clear()
                rung, self._outgoing = self._outgoing, set()
                if not rung:
                    await connection.execute("SELECT 1")
                for channel in rung:
                    await connection.execute("SELECT pg_notify($1, $2)", self._schema, f"{self._sender} {channel}")
                await asyncio.sleep(NOTIFY_EVERY_SECONDS)
        finally:
            connection.terminate()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        sender, _, channel = str(payload).partition(" ")
        if sender != self._sender:
            self._ring_here(channel)


async def any_of(events: Iterable[asyncio.Event], seconds: float) -> None:
    """Wait until one of the events is set, or so many seconds have passed."""
    waiters = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
