"""Waiting on conditions, never on the clock."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def until(condition: Callable[[], Awaitable[T]], timeout: float = 30, every: float = 0.02) -> T: ...  # noqa: ASYNC109


@overload
async def until(condition: Callable[[], T], timeout: float = 30, every: float = 0.02) -> T: ...  # noqa: ASYNC109


async def until(
    condition: Callable[[], object],
    timeout: float = 30,  # noqa: ASYNC109 - the point of this function is to say what was seen when time ran out
    every: float = 0.02,
) -> object:
    """Call `condition` (plain or async) until its value is true, and return that value. Seconds.

    Raises: AssertionError after `timeout`, with the last value seen. What the condition raises is raised at once.
    Use: `run = await until(lambda: find_run(run_id))`, `await until(lambda: target.count("/login") == 3)`.
    """
    deadline = time.monotonic() + timeout
    while True:
        outcome = condition()
        value: object = await outcome if inspect.isawaitable(outcome) else outcome
        if value:
            return value
        if time.monotonic() >= deadline:
            message = f"not so after {timeout} s, last value {value!r}: {_text(condition)}"
            raise AssertionError(message)
        await asyncio.sleep(every)


def _text(condition: Callable[[], object]) -> str:
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)


async def elapsed(seconds: float) -> None:
    """Let an outage last. Only for tests whose subject is how long something is away."""
    await asyncio.sleep(seconds)
