"""Server-sent events that many follow: found once in this process, kept, and handed to each viewer."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson


class EventLog:
    """Numbered events. Viewers wait for `news`; none of them asks the database what happened."""

    remembered = 5000
    """Events that a viewer who comes back can go on from."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.name = secrets.token_hex(4)
        """Which memory an event's id belongs to: another process numbers its own."""
        self.log: list[bytes] = []
        self.first = 0
        """The number of events that `log` does not have any more."""
        self.news = asyncio.Event()
        self.viewers: Counter[str] = Counter()
        """By the hash of their credential."""

    @property
    def end(self) -> int:
        """The number of events so far."""
        return self.first + len(self.log)

    def position_after(self, last_event_id: str | None) -> int | None:
        """Where a viewer goes on who saw this event; None: what came since is not remembered."""
        name, _, number = (last_event_id or "").partition("-")
        if name != self.name or not (number.isascii() and number.isdecimal() and len(number) < 10):  # noqa: PLR2004
            return None
        return int(number) if self.first <= int(number) <= self.end else None

    def event(self, name: str, body: Mapping[str, Any], number: int) -> bytes:
        """As it is sent; whoever saw it saw `number` events."""
        return b"id: %b-%d\nevent: %b\ndata: %b\n\n" % (self.name.encode(), number, name.encode(), orjson.dumps(body))

    def add(self, name: str, body: Mapping[str, Any]) -> None:
        """Keep an event for everyone."""
        self.log.append(self.event(name, body, self.end + 1))
        if len(self.log) > self.remembered:
            self.first += self.remembered // 2
            del self.log[: self.remembered // 2]

    def ring(self) -> None:
        """Wake every viewer."""
        self.news, news = asyncio.Event(), self.news
        news.set()

    def keep_only(self, good: set[str]) -> None:
        """Let those viewers go whose credential is not among the good ones."""
        for credential in self.viewers.keys() - good:
            del self.viewers[credential]

    def leave(self, credential: str) -> None:
        """Count a viewer off."""
        self.viewers[credential] -= 1
        self.viewers = +self.viewers
        if not self.viewers:
            self.news = asyncio.Event()  # the next viewer may live in another event loop
