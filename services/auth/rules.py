"""Passwords, tokens, lock-outs and addresses: pure functions."""

import hashlib
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

MIN_PASSWORD_LENGTH = 8
FAILURE_WINDOW = timedelta(minutes=15)
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(minutes=15)
FAILURES_OF_NAME = 5
FAILURES_OF_ADDRESS = 50

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's figures for argon2id. A guess costs whoever has the hashes as much; a log-in costs us no second of a core."""


def hash_password(password: str) -> str:
    """The argon2id hash of a password; takes some 40 ms of a core and 19 MiB."""
    return _HASHER.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether a password is the one that was hashed. None, for nobody's, takes as long and never matches."""
    nobodys = _nobodys_hash()
    try:
        return _HASHER.verify(password_hash or nobodys, password) and password_hash is not None
    except VerificationError:
        return False


@cache
def _nobodys_hash() -> str:
    return hash_password(secrets.token_urlsafe())


def password_fault(password: str, default: str) -> str | None:
    """Why a user may not choose this password, as a reason word: too short, or the default one."""
    if len(password) < MIN_PASSWORD_LENGTH:
        return "out_of_range"
    return "wrong" if password == default else None


def new_token() -> str:
    """A fresh token: 256 random bits."""
    return f"rnd_{secrets.token_urlsafe(32)}"


def token_sha256(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class Failures:
    """Failed log-ins: when, how many locks in a row they led to, and until when the last one holds."""

    failed_at: tuple[datetime, ...] = ()
    locks: int = 0
    locked_until: datetime | None = None


def seconds_locked(failures: Failures, now: datetime) -> int:
    """Seconds until the lock ends, 0 when there is none."""
    if failures.locked_until is None:
        return 0
    return max(0, math.ceil((failures.locked_until - now).total_seconds()))


def after_failure(failures: Failures, now: datetime, limit: int) -> Failures:
    """One failure more.

    `limit` failures within 15 minutes lock for a minute. A failure within 15 minutes after a lock locks again at
    once and for twice as long, 15 minutes at most.
    """
    failed_at = (*(moment for moment in failures.failed_at if moment > now - FAILURE_WINDOW), now)[-limit:]
    locked_lately = failures.locked_until is not None and failures.locked_until > now - FAILURE_WINDOW
    locks = failures.locks if locked_lately else 0
    if locks == 0 and len(failed_at) < limit:
        return Failures(failed_at)
    lock = min(FIRST_LOCK * 2 ** min(locks, 10), LONGEST_LOCK)
    return Failures(failed_at, locks + 1, now + lock)


def client_address(peer: str, forwarded_for: Sequence[str], trusted_proxies: str) -> str:
    """The address that a request comes from: the last one of `X-Forwarded-For` that is no trusted proxy's.

    An IPv6 address is given as its /64 network, since whoever has one has them all. What is no address is given
    as it is.
    """
    trusted = [ip_network(part.strip(), strict=False) for part in trusted_proxies.split(",") if part.strip()]
    hops = [hop.strip() for line in forwarded_for for hop in line.split(",") if hop.strip()]
    client = peer
    while hops and _is_in(client, trusted):
        client = hops.pop()
    return _normal(client)


def _is_in(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def _normal(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address[:100]
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Network((int(found), 64), strict=False))
