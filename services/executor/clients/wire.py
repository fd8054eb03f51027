"""What goes out and what comes back as plain values, and what can go wrong, in the case format's words."""

import re
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from cryptography import x509
from yarl import URL

from kit.clock import utc_text
from kit.egress import EgressRefused
from kit.tls import Tls

_URL_SAFE = "!#$%&'()*+,/:;=?@[]~-._"

Pairs = list[tuple[str, str]]


class CallFailed(Exception):
    """No answer that could be judged. `failure_class` is a word of the case format; the message says what to do."""

    def __init__(self, failure_class: str, message: str) -> None:
        super().__init__(message)
        self.failure_class = failure_class
        self.message = message


@dataclass(slots=True)
class Call:
    """A request as it is to be sent."""

    method: str
    url: URL
    headers: Pairs
    body: bytes | None
    timeout_ms: int
    follow_redirects: bool = True
    max_redirects: int = 10
    tls: Tls = field(default_factory=Tls)
    proxy: str | None = None


@dataclass(slots=True)
class Answer:
    """What came back, and how long each part took."""

    url: str
    status: int
    http_version: str
    headers: Pairs
    body: bytes
    ip: str | None
    certificate: bytes | None
    """The peer's, DER; None without TLS."""
    sent_method: str
    sent_headers: Pairs
    timings_ms: dict[str, float | None]
    redirects: list[dict[str, Any]]


_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?/[A-Za-z0-9/._~%-]*(?:\?[A-Za-z0-9/._~%=&+-]*)?")
"""A URL of which nothing has to be changed, which is most of them."""


def wire_url(url: str, query: Pairs) -> URL:
    """A URL exactly as written, with only what no request line can carry percent-encoded, and the query appended.

    Raises: CallFailed (`config`) when it is no http or https URL.
    """
    return _wire_url(url, "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query))


@lru_cache(2048)
def _wire_url(url: str, more: str) -> URL:
    """Kept, for cases ask for the same ones again and again, and a URL keeps what was once made of it."""
    if _PLAIN_URL.fullmatch(url):
        glue = "" if not more else "&" if "?" in url else "?"
        return URL(f"{url}{glue}{more}", encoded=True)
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
        if parts.scheme.lower() not in {"http", "https"} or not host:
            raise ValueError("it has no http:// or https:// and host")
        if not host.isascii():
            host = host.encode("idna").decode()
    except ValueError as error:
        raise CallFailed("config", f"{url[:200]!r} is no URL that can be called: {error}") from error
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
    whole = "&".join(part for part in (quote(parts.query, safe=_URL_SAFE), more) if part)
    path = quote(parts.path, safe=_URL_SAFE) or "/"
    return URL(
        f"{parts.scheme.lower()}://{quote(user, safe=_URL_SAFE)}{place}{path}{'?' + whole if whole else ''}",
        encoded=True,
    )


def certificate_facts(der: bytes | None) -> dict[str, str]:
    """What the query `certificate` can ask for; empty without TLS."""
    if der is None:
        return {}
    found = x509.load_der_x509_certificate(der)
    return {
        "Subject": found.subject.rfc4514_string(),
        "Issuer": found.issuer.rfc4514_string(),
        "Start-Date": utc_text(found.not_valid_before_utc),
        "Expire-Date": utc_text(found.not_valid_after_utc),
        "Serial-Number": f"{found.serial_number:x}",
    }


FAULTS = (aiohttp.ClientError, ssl.SSLError, OSError, ValueError)
"""What aiohttp raises when there is no answer."""


def call_failed(error: Exception, host: str) -> CallFailed:
    """One of `FAULTS` in the case format's words."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return CallFailed("egress", str(cause)) if isinstance(cause, EgressRefused) else CallFailed(*_fault(error, host))


def _fault(error: Exception, host: str) -> tuple[str, str]:  # noqa: PLR0911 (a table)
    """The class and a message that says what to do, the narrower kinds of error first."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "dns", f"the name {error.host} cannot be resolved: check the environment's base URL"
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
            mend = "add its authority to the environment's ca_bundle, or accept it by verify_tls: false"
            return "tls", f"the certificate of {host} is not trusted ({why}): {mend}"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return (
                "tls",
                f"no TLS connection to {host} ({error}): check scheme, port and client_certificate",
            )
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return "connect", f"the environment's proxy does not let through: {error}"
        case aiohttp.ClientConnectorError():
            why = error.os_error.strerror or str(error.os_error)
            return "connect", f"{error.host}:{error.port} cannot be reached ({why}): is it running?"
        case aiohttp.ServerDisconnectedError():
            return "protocol", f"{host} closed the connection without an answer: look into its log"
        case aiohttp.ClientResponseError():
            return "protocol", f"{host} answered what is no HTTP ({error.message[:200]}): check scheme and port"
        case ValueError():
            return "config", f"the request cannot be sent: {error}"
    return "protocol", f"the exchange with {host} broke off ({error}): look into its log"
