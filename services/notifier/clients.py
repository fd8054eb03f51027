"""The outside world: the mail server, channels, auth and catalog."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiohttp
import aiosmtplib
from yarl import URL

from kit.egress import EgressRefused, checked_connector
from kit.peers import ask
from kit.settings import settings
from services.notifier.rules.chats import ChannelKind, Post, judge_answer
from services.notifier.rules.telling import Later, Outcome, Refused, Sent
from services.notifier.settings import notifier_settings

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 10
REPLY_TIMEOUT_SECONDS = 60
PERMANENT = 500
POST_TIMEOUT_SECONDS = 15
MAX_ANSWER_BYTES = 65536


async def users(ids: list[int]) -> list[dict[str, Any]]:
    """The whole state of users, from auth. Raises: DependencyUnavailable."""
    answer = await ask("auth", "users:lookup", {"ids": ids})
    return list((answer or {}).get("users", []))


async def projects(ids: list[int]) -> list[dict[str, Any]]:
    """The whole state of projects, from catalog. Raises: DependencyUnavailable."""
    answer = await ask("catalog", "projects:lookup", {"ids": ids})
    return list((answer or {}).get("projects", []))


def public_host() -> str:
    """The host in `ROUNDS_PUBLIC_URL`, which stands in Message-IDs."""
    host = urlsplit(settings().public_url).hostname or ""
    return host if host and ":" not in host else "localhost"


def mail_file(delivery_id: UUID) -> Path:
    """Where a mail lies when no mail server is configured."""
    return settings().data_dir / "mail" / f"{delivery_id}.eml"


class MailCarrier:
    """Hands mails to the server of `ROUNDS_SMTP_URL`, all over one connection; without one, writes them to files.

    `smtp://` speaks plainly, `smtp+starttls://` and `smtps://` encrypt; user and password stand in the address.
    """

    def __init__(self) -> None:
        """Connects at the first mail."""
        url = settings().smtp_url
        self._files = url is None
        self._smtp = None if url is None else _connection(url.get_secret_value())
        self._down = None if self._files or self._smtp else "ROUNDS_SMTP_URL is no smtp://… address"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._smtp is not None and self._smtp.is_connected:
            with suppress(aiosmtplib.SMTPException):
                await self._smtp.quit(timeout=CONNECT_TIMEOUT_SECONDS)
            self._smtp.close()

    async def send(self, delivery_id: UUID, message: EmailMessage, recipient: str) -> Outcome:
        """Hand one mail over.

        Only what the server says for good about this recipient or this message is final. A server that cannot be
        reached, refuses the log-in or the sender, is a fault of the settings: it is tried again, once per batch.
        """
        if self._files:
            await asyncio.to_thread(_store, mail_file(delivery_id), message.as_bytes())
            return Sent("file")
        if self._smtp is not None and self._down is None and not self._smtp.is_connected:
            self._down = await _connect(self._smtp)
        if self._smtp is None or self._down is not None:
            return Later(self._down or "")
        try:
            await self._smtp.send_message(message, recipients=[recipient])
        except aiosmtplib.SMTPRecipientsRefused as error:
            refusal = error.recipients[0]
            return _judged(refusal.code, refusal.message)
        except aiosmtplib.SMTPDataError as error:
            return _judged(error.code, error.message)
        except (aiosmtplib.SMTPException, OSError) as error:
            self._smtp.close()
            return Later(_said(error))
        return Sent("smtp")


def _connection(url: str) -> aiosmtplib.SMTP | None:
    """The server that an address names; None when it names none."""
    ports = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
    try:
        address = urlsplit(url)
        port = address.port or ports[address.scheme]
    except (ValueError, KeyError):
        return None
    if not address.hostname:
        return None
    return aiosmtplib.SMTP(
        hostname=address.hostname,
        port=port,
        username=unquote(address.username) if address.username else None,
        password=unquote(address.password) if address.password else None,
        use_tls=address.scheme == "smtps",
        start_tls=address.scheme == "smtp+starttls",
        timeout=REPLY_TIMEOUT_SECONDS,
        local_hostname=public_host(),
    )


async def _connect(smtp: aiosmtplib.SMTP) -> str | None:
    """Connect and log in; answers what went wrong."""
    try:
        await smtp.connect(timeout=CONNECT_TIMEOUT_SECONDS)
    except (aiosmtplib.SMTPException, OSError) as error:
        smtp.close()
        return _said(error)
    return None


def _judged(code: int, message: str) -> Outcome:
    said = f"{code} {message}"[:500]
    return Refused(said) if code >= PERMANENT else Later(said)


def _said(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"[:500]
    return (str(error) or type(error).__name__)[:500]


def _store(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def remove_mail_files(ids: Sequence[UUID]) -> None:
    """Delete mails that were written to files."""
    for id_ in ids:
        mail_file(id_).unlink(missing_ok=True)


def channel_session() -> aiohttp.ClientSession:
    """A session whose every connection obeys the egress policy; it follows no redirect."""
    return aiohttp.ClientSession(
        connector=checked_connector(notifier_settings().egress),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=POST_TIMEOUT_SECONDS),
        trust_env=False,
    )


async def send_post(session: aiohttp.ClientSession, kind: ChannelKind, post: Post) -> Outcome:
    """Post to a channel. What the error says never holds the address: it is a secret."""
    try:
        async with session.post(
            URL(post.url, encoded=True), data=post.body, headers=post.headers, allow_redirects=False
        ) as answer:
            return judge_answer(kind, answer.status, await answer.content.read(MAX_ANSWER_BYTES))
    except TimeoutError:
        return Later(f"no answer within {POST_TIMEOUT_SECONDS} s")
    except (aiohttp.ClientError, OSError) as error:
        refused = _egress_refusal(error)
        return (
            Later(type(error).__name__ if isinstance(error, aiohttp.InvalidURL) else str(error)[:500])
            if refused is None
            else Refused(refused)
        )


def _egress_refusal(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, EgressRefused):
            return str(error)
        error = error.__cause__ or error.__context__
    return None
