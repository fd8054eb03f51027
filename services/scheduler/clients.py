"""Asking the sources of what the replicas hold, and the executor about its runs."""

import asyncio
from contextlib import suppress
from uuid import UUID

import orjson

from contracts.auth import UserChanged
from contracts.catalog import CaseChanged, EnvironmentChanged, ModuleChanged, ProjectChanged
from contracts.executor import RunCompleted
from kit.errors import DependencyUnavailable
from kit.peers import ask

Fact = UserChanged | ProjectChanged | EnvironmentChanged | ModuleChanged | CaseChanged

WAIT_SECONDS = 2
ASK_EVERY_SECONDS = 0.05

_KINDS: dict[str, type[Fact]] = {
    "users": UserChanged,
    "projects": ProjectChanged,
    "environments": EnvironmentChanged,
    "modules": ModuleChanged,
    "cases": CaseChanged,
}


async def look_up(service: str, noun: str, ids: list[int]) -> list[Fact]:
    """The present state of objects, and of what they refer to, at the service that owns them: one call.

    Raises: DependencyUnavailable.
    """
    answer = await ask(service, f"{noun}:lookup", {"ids": ids}) or {}
    return [
        kind.model_validate_json(orjson.dumps(state)) for name, kind in _KINDS.items() for state in answer.get(name, ())
    ]


class RunState:
    """What the executor says about a run."""

    def __init__(self, *, known: bool, completed: RunCompleted | None) -> None:
        self.known = known
        self.completed = completed


async def run_state(run_id: UUID) -> RunState:
    """What the executor knows of a run.

    Raises: DependencyUnavailable.
    """
    answer = await ask("executor", f"runs/{run_id}")
    completed = (answer or {}).get("completed")
    return RunState(
        known=answer is not None,
        completed=RunCompleted.model_validate_json(orjson.dumps(completed)) if completed else None,
    )


async def wait_for_run(run_id: UUID) -> None:
    """Wait until the executor has heard of a run, no longer than 2 s, and not at all while it is away."""
    with suppress(DependencyUnavailable, TimeoutError):
        async with asyncio.timeout(WAIT_SECONDS):
            while not (await run_state(run_id)).known:  # noqa: ASYNC110 (it comes true in another process)
                await asyncio.sleep(ASK_EVERY_SECONDS)
