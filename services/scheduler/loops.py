"""What the scheduler does by itself, again and again."""

import asyncio
import time

from kit.errors import DependencyUnavailable
from services.scheduler import clients
from services.scheduler.db import authenticator, database
from services.scheduler.settings import scheduler_settings
from services.scheduler.usecases import answers, ending, firing, following, saving

HOUR = 3600.0
LOOK_SECONDS = 1.0
"""Between two looks at the tasks that people watch."""
PING_SECONDS = 15.0
HELD_SECONDS = 0.02
"""Until the next look at a task that is due and that another transaction holds: it is fired or saved right now."""


async def fire_due_tasks() -> float:
    """Fire what is due, at most 500 tasks in one transaction; sleeps until the next due time, and not longer than
    `ROUNDS_SCHEDULER_MAX_SLEEP_SECONDS`. Saving an earlier time wakes it.
    """
    async with database.transaction() as session:
        fired = await firing.fire_due(session)
    firing.last_pass.note(fired)
    longest = scheduler_settings().max_sleep_seconds
    if fired.full:
        return 0
    async with database.transaction() as session:  # another one: what was fired does not wait for this look
        following = await firing.next_due(session)
        known = time.monotonic()
    if following is None:
        return longest
    if following.seconds <= 0:
        return min(longest, HELD_SECONDS)
    spent = following.spent_seconds + time.monotonic() - known
    return min(longest, max(0.0, following.seconds - spent))


async def ask_about_silent_firings() -> float:
    """Ask the executor about runs of which nothing was heard for a minute: repair of what was lost on the way."""
    async with database.transaction() as session:
        silent = await ending.silent_firings(session)
    outcomes = await asyncio.gather(*(_ask(found) for found in silent), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return 0 if len(silent) == ending.ASKED_AT_ONCE else scheduler_settings().silent_seconds / 6


async def _ask(silent: ending.Silent) -> None:
    try:
        state = await clients.run_state(silent.run_id)
    except DependencyUnavailable:
        return  # it is asked about again when it has been silent as long once more
    async with database.transaction() as session:
        await ending.reconcile(session, silent, state)


async def tidy() -> float:
    """Delete answers to `Idempotency-Key` that are a day old and what the ledger keeps no longer; sum up the counts."""
    async with database.transaction() as session:
        await answers.forget_answers(session)
        await saving.sum_up_counts(session)
    async with database.transaction() as session:
        more = await ending.purge_ledger(session)
    return 0 if more else HOUR


async def follow_tasks() -> float:
    """Look once at what has changed, for all who watch the tasks; with nobody there nothing is asked."""
    if not following.board.viewers:
        following.nobody_watches()
        return LOOK_SECONDS
    async with database.transaction() as session:
        await following.look(session)
    return LOOK_SECONDS


async def greet_viewers() -> float:
    """Send the viewers a sign of life; those whose session has ended are let go."""
    board = following.board
    if board.viewers:
        board.keep_only(await authenticator.still_good(board.viewers))
        board.ring()
    return PING_SECONDS
