"""What the executor decides without looking at the world: where requests may go, and how runs are judged."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from services.executor.settings import cidrs

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


@dataclass(frozen=True)
class Egress:
    """Where the requests of a project's cases may go."""

    allow: tuple[Network, ...] = ()
    """The platform's exceptions from `DENIED`."""
    deny: tuple[Network, ...] = ()
    """The platform's own refusals; they win."""
    only: tuple[Network, ...] = ()
    """The project's list; when it is not empty nothing else may be reached."""

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


def is_final(status: str, attempt: int, max_attempts: int) -> bool:
    """Whether no other attempt follows a run that ended so."""
    return status in {"passed", "cancelled"} or attempt >= max_attempts


@lru_cache(1024)
def egress_of(allow: str, deny: str, only: tuple[str, ...]) -> Egress:
    """The policy of a project, from comma-separated CIDRs of the platform and the project's own list."""
    return Egress.of(cidrs(allow), cidrs(deny), list(only))


MAX_DIFFERENCES = 200
_ABSENT = object()


def volatile_paths(paths: Iterable[str]) -> Callable[[str], bool]:
    """Whether a JSON path is one of these, or below one; `[*]` stands for any one member or element."""
    any_step = r"(?:\.\w+|\[[^\]]*\])"
    patterns = [re.escape(path).replace(r"\[\*\]", any_step) + r"(?:[.\[].*)?" for path in paths]
    return re.compile("|".join(patterns), re.DOTALL).fullmatch if patterns else lambda _: False  # type: ignore[return-value] # a match is true


def json_differences(
    before: object, now: object, volatile: Callable[[str], bool] = lambda _: False
) -> list[dict[str, object]]:
    """What was added, removed or changed between two JSON values: {path, change, before, now}, at most 200.

    What lies at a `volatile` path is left out.
    """
    found: list[dict[str, object]] = []
    waiting: list[tuple[str, object, object]] = [("$", before, now)]
    while waiting and len(found) < MAX_DIFFERENCES:
        path, old, new = waiting.pop()
        if volatile(path):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            keys = list(dict.fromkeys([*old, *new]))
            waiting += [(_member(path, key), old.get(key, _ABSENT), new.get(key, _ABSENT)) for key in reversed(keys)]
        elif isinstance(old, list) and isinstance(new, list):
            longest = range(max(len(old), len(new)))
            waiting += [(f"{path}[{n}]", _item(old, n), _item(new, n)) for n in reversed(longest)]
        elif old is _ABSENT or new is _ABSENT or type(old) is not type(new) or old != new:
            found.append(_difference(path, old, new))
    return found


def _difference(path: str, old: object, new: object) -> dict[str, object]:
    change = "added" if old is _ABSENT else "removed" if new is _ABSENT else "changed"
    return {
        "path": path,
        "change": change,
        "before": None if old is _ABSENT else old,
        "now": None if new is _ABSENT else new,
    }


def _member(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{json.dumps(key, ensure_ascii=False)}]"


def _item(items: list[object], index: int) -> object:
    return items[index] if index < len(items) else _ABSENT


def header_differences(before: list[list[str]], now: list[list[str]]) -> list[dict[str, object]]:
    """Headers that differ, their names in lower case, the values of one name joined: {name, before, now}."""
    old, new = _joined(before), _joined(now)
    names = dict.fromkeys([*old, *new])
    return [
        {"name": name, "before": old.get(name), "now": new.get(name)}
        for name in names
        if old.get(name) != new.get(name)
    ]


def _joined(headers: list[list[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found
