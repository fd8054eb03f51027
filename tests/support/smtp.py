"""A mail server that keeps what it accepts, and misbehaves on request.

async with smtp_server() as smtp:
    smtp.url                              # smtp://127.0.0.1:…, for ROUNDS_SMTP_URL
    mails = await until(lambda: smtp.mails)
    mails[0].message["Subject"], mails[0].text(), mails[0].recipients
    smtp.data_replies = ["451 4.3.0 later"]           # answers to the next messages, then all is well again
    smtp.recipient_replies = {"a@example.test": "550 5.1.1 unknown"}
    smtp.delay_seconds = 2                # before each message is answered
    smtp.drops = 1                        # so many messages are kept, and the connection cut unanswered
    await smtp.down(); await smtp.up()    # refuse connections; accept again on the same port
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

MAX_MESSAGE_BYTES = 30_000_000


@dataclass(frozen=True)
class Mail:
    """An accepted message with its envelope."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: bytes

    def text(self) -> str:
        """Return the plain part, '' when there is none."""
        return self._body("plain")

    def html(self) -> str:
        """Return the HTML part, '' when there is none."""
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content())


class SmtpServer:
    """The server and its handler. `login` (user, password) makes authentication required."""

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        """Prepare; `smtp_server` opens the port."""
        self.login = login
        self.port = 0
        self.mails: list[Mail] = []
        self.connections = 0
        self.data_replies: list[str] = []
        self.recipient_replies: dict[str, str] = {}
        self.delay_seconds = 0.0
        self.drops = 0
        self._server: asyncio.Server | None = None
        self._sessions: set[SMTP] = set()

    @property
    def url(self) -> str:
        """Where mails are handed in, with the log-in when there is one."""
        credentials = "" if self.login is None else f"{self.login[0]}:{self.login[1]}@"
        return f"smtp://{credentials}127.0.0.1:{self.port}"

    async def up(self) -> None:
        """Accept connections."""
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(self._session, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for session in self._sessions:
            _cut(session)
        self._sessions.clear()

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Refuse strangers when there is a log-in, and the recipients that the test named."""
        if self.login is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if address in self.recipient_replies:
            return self.recipient_replies[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Keep the message, or answer as the test said."""
        await asyncio.sleep(self.delay_seconds)
        if self.data_replies:
            return self.data_replies.pop(0)
        raw = envelope.original_content or b""
        message = message_from_bytes(raw, policy=policy.default)
        self.mails.append(Mail(envelope.mail_from or "", list(envelope.rcpt_tos), message, raw))
        if self.drops:
            self.drops -= 1
            _cut(server)
        return "250 OK"

    def _session(self) -> SMTP:
        self.connections += 1
        session = SMTP(
            self,
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname="localhost",
            authenticator=self._authenticate,
            auth_require_tls=False,
            loop=asyncio.get_running_loop(),
        )
        self._sessions.add(session)
        return session

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == self.login, handled=False)


def _cut(session: SMTP) -> None:
    if isinstance(session.transport, asyncio.Transport):
        session.transport.abort()


@asynccontextmanager
async def smtp_server(login: tuple[str, str] | None = None) -> AsyncIterator[SmtpServer]:
    """Run a mail server on a free port of 127.0.0.1 for the length of a block."""
    server = SmtpServer(login)
    await server.up()
    try:
        yield server
    finally:
        await server.down()
