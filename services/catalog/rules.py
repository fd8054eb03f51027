"""What the catalog decides without looking anything up."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_CALL_DEPTH = 10
"""Cases that call cases that call cases: the longest chain, the first caller not counted."""
RANK_GAP = 2**20


def steps_of(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every step of a valid document with its path, those inside groups and of the teardown included."""
    for part in ("steps", "teardown"):
        yield from _nested_steps(part, document.get(part) or [])


def _nested_steps(path: str, steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, step in enumerate(steps):
        yield f"{path}[{index}]", step
        yield from _nested_steps(f"{path}[{index}].steps", step.get("steps") or [])


def calls_of(document: Mapping[str, Any]) -> dict[int, str]:
    """The cases that a valid document calls, each with the path of the first field that names it."""
    calls: dict[int, str] = {}
    for path, step in steps_of(document):
        if step["type"] == "call":
            calls.setdefault(step["case_id"], f"{path}.case_id")
    return calls


def rank_at(ranks: Sequence[int], index: int) -> int | None:
    """A rank that puts a newcomer at `index` among siblings of these ranks; None when there is no room between."""
    if not ranks:
        return 0
    if index <= 0:
        return ranks[0] - RANK_GAP
    if index >= len(ranks):
        return ranks[-1] + RANK_GAP
    middle = (ranks[index - 1] + ranks[index]) // 2
    return None if middle == ranks[index - 1] else middle


def path_of(module_id: int, parents: Mapping[int, int | None]) -> list[int]:
    """The modules from the top of the tree down to one, itself included."""
    path = [module_id]
    while (parent := parents[path[-1]]) is not None:
        path.append(parent)
    return path[::-1]


def subtree(module_id: int, parents: Mapping[int, int | None]) -> set[int]:
    """A module and everything below it."""
    children: dict[int | None, list[int]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    found, waiting = set(), [module_id]
    while waiting:
        found.add(waiting[-1])
        waiting.extend(children.get(waiting.pop(), ()))
    return found
