"""What the scheduler does by itself, again and again."""

import asyncio

from kit.errors import DependencyUnavailable
from services.scheduler import clients
from services.scheduler.db import database
from services.scheduler.settings import scheduler_settings
from services.scheduler.usecases import answers, ending, firing, saving

HOUR = 3600.0
HELD_SECONDS = 0.02
"""Until the next look at a task that is due and that another transaction holds: it is fired or saved right now."""


async def fire_due_tasks() -> float:
    """Fire everything that is due, in one transaction per batch; sleeps until the next due time, and not longer than
    `ROUNDS_SCHEDULER_MAX_SLEEP_SECONDS`. Saving an earlier time wakes it.
    """
    async with database.transaction() as session:
        fired = await firing.fire_due(session)
        until_next = await firing.seconds_to_next(session)
    firing.last_pass.note(fired)
    longest = scheduler_settings().max_sleep_seconds
    return 0 if fired.full else min(longest, longest if until_next is None else until_next or HELD_SECONDS)


async def ask_about_silent_firings() -> float:
    """Ask the executor about runs of which nothing was heard for a minute: repair of what was lost on the way."""
    async with database.transaction() as session:
        silent = await ending.silent_firings(session)
    await asyncio.gather(*(_ask(found) for found in silent))
    return 0 if len(silent) == ending.ASKED_AT_ONCE else scheduler_settings().silent_seconds / 6


async def _ask(silent: ending.Silent) -> None:
    try:
        state = await clients.run_state(silent.run_id)
    except DependencyUnavailable:
        return  # it is asked about again when it has been silent as long once more
    async with database.transaction() as session:
        await ending.reconcile(session, silent, state)


async def tidy() -> float:
    """Delete answers to `Idempotency-Key` that are a day old, and sum up the task counts."""
    async with database.transaction() as session:
        await answers.forget_answers(session)
        await saving.sum_up_counts(session)
    return HOUR
