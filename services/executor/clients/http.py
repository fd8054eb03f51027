"""The HTTP client of the cases: aiohttp, with every address checked, bodies capped and times taken.

What aiohttp does on its own and must not: it asks no resolver for literal addresses (so the socket is checked too), a
pooled connection skips both checks (so there is one session per egress policy), and it rewrites URLs unless they are
marked as encoded.
"""

import asyncio
import socket
import ssl
import time
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import ResolveResult
from multidict import CIMultiDict
from yarl import URL

from kit.egress import CheckedResolver, Egress, EgressRefused, checked_socket
from kit.tls import Tls, TlsInvalid, tls_context
from services.executor.clients.wire import FAULTS, Answer, Call, CallFailed, Pairs, call_failed, wire_url

MAX_BODY_BYTES = 10 * 1024 * 1024
LARGE_BYTES = 1024 * 1024
LARGE_AT_ONCE = 4
"""Answers over `LARGE_BYTES` in hand at the same time: a hundred cases in the air would take gigabytes."""
MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 1000
MAX_CONNECTIONS = 2000
MAX_CONTEXTS = 256
KEPT_ALIVE_SECONDS = 1.5
"""Shorter than the servers' own limits: a request on a connection that is just being closed would fail the case."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
DEFAULT_HEADERS = {"User-Agent": "rounds/0.1", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}


@dataclass(slots=True)
class _Watch:
    """What happened to one request, noted by the resolver, the socket, TLS and the tracer."""

    in_hand: AsyncExitStack
    limit: asyncio.Timeout | None = None
    stage: str = "connect"
    dns: float | None = None
    tls_began: float | None = None
    connect: float | None = None
    tls: float | None = None
    ip: str | None = None
    certificate: bytes | None = None
    alert: str | None = None
    """Why the server ended the TLS connection."""
    waited: float | None = None
    """For a place among the large answers, which is not the server's fault; None: it was none so far."""


_watch: ContextVar[_Watch] = ContextVar("watch")


class _TimedResolver(CheckedResolver):
    """Takes the time of looking a name up."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name. Raises: EgressRefused, OSError."""
        watch, began = _watch.get(), time.perf_counter()
        try:
            return await super().resolve(host, port, family)
        finally:
            watch.dns = time.perf_counter() - began


class _NotedTls(ssl.SSLObject):
    """Notes the alert by which the server ends a connection, which aiohttp only knows as closed."""

    watch: _Watch | None = None

    def read(self, *args: Any) -> Any:  # noqa: ANN401 (passed on)
        """Read as ever. Raises: as ever."""
        try:
            return super().read(*args)
        except ssl.SSLError as error:
            if self.watch is not None and "ALERT" in (error.reason or ""):
                self.watch.alert = error.reason.replace("_", " ").lower()
            raise


class _TimedContext(ssl.SSLContext):
    """Notes when the TLS handshake begins; aiohttp's tracing has no event for it."""

    sslobject_class = _NotedTls

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:  # noqa: ANN401 (passed on)
        made = super().wrap_bio(*args, **options)
        if (watch := _watch.get(None)) is not None and isinstance(made, _NotedTls):
            made.watch, watch.tls_began = watch, time.perf_counter()
        return made


async def _tls(tls: Tls) -> ssl.SSLContext:
    """One context, and so one pool of connections, per choice of an environment. Made in a thread: it takes 100 ms.

    Raises: CallFailed (`config`).
    """
    if tls not in _contexts:
        try:
            made = await asyncio.to_thread(tls_context, tls, _TimedContext)
        except TlsInvalid as error:
            raise CallFailed("config", str(error)) from error
        while len(_contexts) >= MAX_CONTEXTS:
            del _contexts[next(iter(_contexts))]
        _contexts.setdefault(tls, made)
    return _contexts[tls]


_contexts: dict[Tls, ssl.SSLContext] = {}


class _TimedConnector(aiohttp.TCPConnector):
    """Takes the time of new connections. aiohttp's tracing could too, but costs every request a twentieth."""

    async def _create_connection(self, *args: Any) -> Any:  # noqa: ANN401 (passed on)
        watch, began = _watch.get(), time.perf_counter()
        protocol = await super()._create_connection(*args)
        ended = time.perf_counter()
        watch.connect = (watch.tls_began or ended) - began - (watch.dns or 0)
        watch.tls = ended - watch.tls_began if watch.tls_began else None
        return protocol


class _Response(aiohttp.ClientResponse):
    """Notes the peer while the connection is still held: a short answer gives it back before anyone can look."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:  # noqa: ANN401 (aiohttp's Connection)
        transport, watch = connection.transport, _watch.get()
        watch.stage = "first_byte"
        if transport is not None:
            watch.ip = (transport.get_extra_info("peername") or (None,))[0]
            tls = transport.get_extra_info("ssl_object")
            watch.certificate = tls.getpeercert(True) if tls else None
        return await super().start(connection)


class Cookies:
    """The cookies of one case run. Most have none, so the jar is made when the first one comes."""

    def __init__(self) -> None:
        self._jar: aiohttp.CookieJar | None = None

    def keep(self, headers: list[str], url: URL) -> None:
        """Take the `Set-Cookie` headers of an answer."""
        if self._jar is None:
            self._jar = aiohttp.CookieJar(unsafe=True)
        self._jar.update_cookies_from_headers(headers, url)

    def header(self, url: URL) -> str:
        """The `Cookie` header for a request; empty without any."""
        kept = self._jar.filter_cookies(url) if self._jar else {}
        return "; ".join(f"{name}={morsel.coded_value}" for name, morsel in kept.items())


class HttpClient:
    """One session per egress policy; `close()` it at the end."""

    def __init__(self) -> None:
        self._sessions: dict[Egress, aiohttp.ClientSession] = {}
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    @property
    def open(self) -> bool:
        """Whether there may be connections."""
        return bool(self._sessions)

    async def close(self) -> None:
        """Close every connection."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _session(self, egress: Egress) -> aiohttp.ClientSession:
        if egress not in self._sessions:
            self._sessions[egress] = aiohttp.ClientSession(
                connector=_TimedConnector(
                    resolver=_TimedResolver(egress),
                    socket_factory=checked_socket(egress),
                    limit=MAX_CONNECTIONS,
                    keepalive_timeout=KEPT_ALIVE_SECONDS,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                response_class=_Response,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                skip_auto_headers=["Content-Type"],
                max_line_size=MAX_HEADER_BYTES,
                max_field_size=MAX_HEADER_BYTES,
                max_headers=MAX_HEADERS,
                trust_env=False,
            )
        return self._sessions[egress]

    async def send(self, call: Call, egress: Egress, in_hand: AsyncExitStack, cookies: Cookies | None = None) -> Answer:
        """Send a request, following redirects if it asks for that; `timeout_ms` holds for all of it.

        The answer is done with when `in_hand` is closed: a large one takes one of a few places until then.

        Raises: CallFailed with its class (dns, connect, tls, timeout, protocol, egress or config).
        """
        watch = _Watch(in_hand)
        token = _watch.set(watch)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(call.timeout_ms / 1000) as watch.limit:
                try:
                    answer = await self._follow(call, egress, cookies, watch)
                except FAULTS as error:
                    raise call_failed(error, call.url.host or "") from error
        except CallFailed as error:
            if (why := _refused(watch, error)) is None:
                raise
            message = f"{call.url.host} ended the TLS connection ({why}): check the environment's client_certificate"
            raise CallFailed("tls", message) from error
        except TimeoutError as error:
            happened, mend = _STAGES[watch.stage]
            raise CallFailed("timeout", f"{happened} within {call.timeout_ms} ms: {mend}") from error
        finally:
            _watch.reset(token)
        answer.timings_ms["total"] = _ms(time.perf_counter() - began - (watch.waited or 0))
        return answer

    async def _follow(self, call: Call, egress: Egress, cookies: Cookies | None, watch: _Watch) -> Answer:
        method, url, headers, body = call.method, call.url, call.headers, call.body
        redirects: list[dict[str, Any]] = []
        while True:
            answer = await self._once(call, method, url, headers, body, egress, cookies, watch)
            answer.redirects = redirects
            if not call.follow_redirects or answer.status not in REDIRECTS:
                return answer
            location = next((value for name, value in answer.headers if name.lower() == "location"), None)
            if location is None:
                return answer
            if len(redirects) == call.max_redirects:
                message = f"more than {call.max_redirects} redirects; the last one leads to {location[:200]}"
                raise CallFailed("protocol", f"{message}: ask for that, or raise options.max_redirects")
            redirects.append({"status": answer.status, "url": str(url), "location": location})
            following = wire_url(urljoin(str(url), location), [])
            if answer.status == 303 or (answer.status in {301, 302} and method == "POST"):  # noqa: PLR2004
                method, body = ("HEAD" if method == "HEAD" else "GET"), None
                headers = [pair for pair in headers if not pair[0].lower().startswith("content-")]
            if following.origin() != url.origin():
                headers = [pair for pair in headers if pair[0].lower() not in {"authorization", "cookie", "host"}]
            url = following

    async def _once(
        self,
        call: Call,
        method: str,
        url: URL,
        headers: Pairs,
        body: bytes | None,
        egress: Egress,
        cookies: Cookies | None,
        watch: _Watch,
    ) -> Answer:
        if call.proxy is not None:
            await _check_behind_proxy(url, egress)
        sent = CIMultiDict(headers)
        for name, value in DEFAULT_HEADERS.items():
            sent.setdefault(name, value)
        if cookies is not None and "Cookie" not in sent and (kept := cookies.header(url)):
            sent["Cookie"] = kept
        watch.stage, watch.dns, watch.connect, watch.tls, watch.tls_began = "connect", None, None, None, None
        began = time.perf_counter()
        async with self._session(egress).request(
            method,
            url,
            headers=sent,
            data=body,
            allow_redirects=False,
            ssl=await _tls(call.tls) if url.scheme == "https" else True,
            proxy=call.proxy,
        ) as response:
            first_byte = time.perf_counter() - began
            watch.stage = "body"
            content = await self._read(response, watch)
            version = response.version
            if cookies is not None and "Set-Cookie" in response.headers:
                cookies.keep(response.headers.getall("Set-Cookie"), url)
            return Answer(
                url=str(url),
                status=response.status,
                http_version=f"{version.major}.{version.minor}" if version else "1.1",
                headers=[
                    (name.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
                    for name, value in response.raw_headers
                ],
                body=content,
                ip=watch.ip,
                certificate=watch.certificate,
                sent_method=method,
                sent_headers=list(response.request_info.headers.items()),
                timings_ms={
                    "dns": _ms(watch.dns),
                    "connect": _ms(watch.connect),
                    "tls": _ms(watch.tls),
                    "first_byte": _ms(first_byte),
                    "total": None,
                },
                redirects=[],
            )

    async def _read(self, response: aiohttp.ClientResponse, watch: _Watch) -> bytes:
        """The body, decompressed, given up as soon as it is too long."""
        chunks, size = [], 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                response.close()
                most = f"{MAX_BODY_BYTES // 2**20} MiB"
                raise CallFailed("protocol", f"the answer is longer than {most}; ask for less of it")
            chunks.append(chunk)
            if size > LARGE_BYTES and watch.waited is None:
                await self._take_place(watch)
        return b"".join(chunks)

    async def _take_place(self, watch: _Watch) -> None:
        """Wait until few enough large answers are in hand, while the request's time stands still."""
        assert watch.limit is not None  # noqa: S101 (`send` has set it)
        loop, ends = asyncio.get_running_loop(), watch.limit.when() or 0
        began = loop.time()
        watch.limit.reschedule(None)
        await watch.in_hand.enter_async_context(self._large)
        watch.waited = loop.time() - began
        watch.limit.reschedule(ends + watch.waited)


def _refused(watch: _Watch, error: CallFailed) -> str | None:
    """Why a server refused this client after the handshake, which is when TLS 1.3 tells; None: it did not.

    Writing to a connection that is already closed may come before its alert is read.
    """
    if error.failure_class != "protocol" or watch.tls_began is None or watch.stage == "body":
        return None
    return watch.alert or ("right after the handshake" if isinstance(error.__cause__, aiohttp.ClientOSError) else None)


async def _check_behind_proxy(url: URL, egress: Egress) -> None:
    """Check what a proxy is going to be asked for, as far as this machine can resolve it.

    Raises: EgressRefused.
    """
    host = url.raw_host or ""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:
        return
    for *_, address in found:
        if why := egress.refusal(str(address[0])):
            raise EgressRefused(f"{host} is {why}")


_STAGES = {
    "connect": ("no connection", "can the host be reached from here, and is the port right?"),
    "first_byte": ("connected, but no answer came", "look at what the host is doing, or raise options.timeout_ms"),
    "body": ("the answer began, but did not end", "ask for less of it, or raise options.timeout_ms"),
}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
