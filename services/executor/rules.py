"""What the executor decides without looking at the world: where requests may go, and how runs are judged."""

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from kit.egress import Egress
from services.executor.settings import cidrs


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
