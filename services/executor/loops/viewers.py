"""What those who follow runs get: news at once, a sign of life from time to time."""

import asyncio

from services.executor.db import authenticator, database
from services.executor.usecases import following

LOOK_SECONDS = 1.0
REST_SECONDS = 0.2
"""Between two looks, however often the bell rings."""
PING_SECONDS = 15.0


async def follow_runs() -> float:
    """Look once at all runs that somebody follows."""
    runs = following.all_followed()
    if runs:
        async with database.transaction() as session:
            await following.look(session, runs)
        await asyncio.sleep(REST_SECONDS)
    return LOOK_SECONDS


async def greet_viewers() -> float:
    """Send the viewers a sign of life; those whose session has ended are let go."""
    runs = following.all_followed()
    good = await authenticator.still_good(hash_ for run in runs for hash_ in run.viewers) if runs else set()
    for run in runs:
        run.keep_only(good)
        run.ring()
    return PING_SECONDS
