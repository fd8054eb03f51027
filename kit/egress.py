"""Where outgoing requests may go: each address that a name resolves to is checked, and the checked one is connected to.

aiohttp asks no resolver for literal addresses, so the socket is checked too.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

Network = IPv4Network | IPv6Network

_DENIED = {
    "this machine": ("127.0.0.0/8", "::1/128", "0.0.0.0/8", "::/128"),
    "a link-local address, where clouds keep their metadata": ("169.254.0.0/16", "fe80::/10"),
    "cloud metadata": ("100.100.100.200/32", "fd00:ec2::254/128"),
    "a multicast or reserved address": ("224.0.0.0/4", "240.0.0.0/4", "ff00::/8"),
}
DENIED = [(ip_network(cidr), what) for what, cidrs in _DENIED.items() for cidr in cidrs]
"""What is refused unless `ROUNDS_EXECUTOR_EGRESS_ALLOW` names it."""

_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("::/96"))


class EgressRefused(OSError):
    """The policy does not let this address be reached."""


@dataclass(frozen=True)
class Egress:
    """Which addresses may be reached."""

    allow: tuple[Network, ...] = ()
    """The platform's exceptions from `DENIED`."""
    deny: tuple[Network, ...] = ()
    """The platform's own refusals; they win."""
    only: tuple[Network, ...] = ()
    """A project's list; when it is not empty nothing else may be reached."""

    @classmethod
    def of(cls, allow: list[str], deny: list[str], only: list[str]) -> "Egress":
        """From CIDRs. Raises: ValueError when one is none."""
        return cls(*(tuple(ip_network(cidr, strict=False) for cidr in cidrs) for cidrs in (allow, deny, only)))

    def refusal(self, address: str) -> str | None:
        """Why an address must not be reached, with what to do about it; None: it may."""
        return _refusal(self, address)


@lru_cache(4096)
def _refusal(egress: Egress, address: str) -> str | None:
    try:
        found = _plain(ip_address(address.partition("%")[0]))
    except ValueError:
        return f"{address} is no IP address"
    if _within(found, egress.deny):
        return f"{address} is denied by ROUNDS_EXECUTOR_EGRESS_DENY"
    if egress.only and not _within(found, egress.only):
        return f"{address} is not in the project's egress_allow; add its network there if the case may reach it"
    if not _within(found, egress.allow):
        for network, what in DENIED:
            if _within(found, (network,)):
                return f"{address} is {what}; ROUNDS_EXECUTOR_EGRESS_ALLOW can allow it"
    return None


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside a mapped, NAT64, 6to4 or Teredo form, since that is what would be reached."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if inner is None and int(address) > 1 and any(address in network for network in _NAT64):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _within(address: IPv4Address | IPv6Address, networks: tuple[Network, ...]) -> bool:
    return any(network.version == address.version and address in network for network in networks)


class CheckedResolver(AbstractResolver):
    """Gives only addresses that may be reached; aiohttp connects to exactly those."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name. Raises: EgressRefused when no address of it may be reached, OSError when it has none."""
        found = await self._inner.resolve(host, port, family)
        refusals = {result["host"]: self._egress.refusal(result["host"]) for result in found}
        allowed = [result for result in found if refusals[result["host"]] is None]
        if not allowed:
            raise EgressRefused(f"{host} is {next(why for why in refusals.values() if why)}")
        return allowed

    async def close(self) -> None:
        """Nothing to give back."""


def checked_socket(egress: Egress) -> Callable[[Any], socket.socket]:
    """What makes the sockets of a connector, for literal addresses, which no resolver is asked for."""

    def make(info: Any) -> socket.socket:  # noqa: ANN401 (aiohttp's AddrInfoType)
        family, kind, protocol, _, address = info
        if why := egress.refusal(address[0]):
            raise EgressRefused(why)
        return socket.socket(family, kind, protocol)

    return make


def checked_connector(egress: Egress) -> aiohttp.TCPConnector:
    """The connector of a session of which every connection is checked. One session per policy: connections are kept."""
    return aiohttp.TCPConnector(resolver=CheckedResolver(egress), socket_factory=checked_socket(egress))
