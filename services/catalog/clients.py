"""The outside world: whether the base URLs of an environment answer."""

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from kit.egress import Egress, EgressRefused, checked_connector
from kit.tls import Tls, TlsInvalid, tls_context
from services.catalog.schemas.projects import UrlCheck

TIMEOUT_SECONDS = 5.0
AT_ONCE = 10


async def check_urls(urls: Mapping[str, str], egress: Egress, *, tls: Tls, proxy: str | None) -> list[UrlCheck]:
    """Ask each URL once, following no redirect: whatever it answers, it answers."""
    try:
        context = await asyncio.to_thread(tls_context, tls)
    except TlsInvalid as invalid:
        return [_failed(name, url, f"config: {invalid}") for name, url in urls.items()]
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    at_once = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(connector=checked_connector(egress), timeout=timeout) as client:

        async def check(name: str, url: str) -> UrlCheck:
            status, error = None, None
            async with at_once:
                started = time.perf_counter()
                try:
                    if proxy is not None:
                        await _check_behind_proxy(url, egress)
                    request = client.get(url, ssl=context, proxy=proxy, allow_redirects=False)
                    async with request as response:
                        status = response.status
                except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as failed:
                    error = _why(failed)
            return UrlCheck(
                name=name,
                url=url,
                ok=error is None,
                status=status,
                error=error,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )

        return await asyncio.gather(*(check(name, url) for name, url in urls.items()))


def _failed(name: str, url: str, error: str) -> UrlCheck:
    return UrlCheck(name=name, url=url, ok=False, status=None, error=error, duration_ms=0)


async def _check_behind_proxy(url: str, egress: Egress) -> None:
    """Check what the proxy is going to be asked for, as far as this machine can resolve it."""
    host = urlsplit(url).hostname or ""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:
        return
    for *_, address in found:
        if why := egress.refusal(str(address[0])):
            raise EgressRefused(f"{host} is {why}")


def _why(failed: BaseException) -> str:
    """The class of fault, as in reports, and what was met."""
    cause: BaseException | None = failed
    while cause is not None and not isinstance(cause, EgressRefused):
        cause = cause.__cause__ or getattr(cause, "os_error", None)
    if cause is not None:
        return f"egress: {cause}"
    kinds = {
        aiohttp.ClientConnectorDNSError: "dns",
        aiohttp.ClientSSLError: "tls",
        aiohttp.ServerFingerprintMismatch: "tls",
        TimeoutError: "timeout",
        aiohttp.ClientConnectionError: "connect",
        OSError: "connect",
    }
    kind = next((word for error, word in kinds.items() if isinstance(failed, error)), "protocol")
    return f"{kind}: {failed}" if str(failed) else kind
