"""What is done from time to time, whichever worker's process does it: lost work taken back, old things dropped."""

import logging

from kit.errors import is_infrastructure
from kit.loops import LEASES_LOST
from kit.partitions import keep_daily_partitions
from services.executor.db import database
from services.executor.settings import executor_settings
from services.executor.usecases import claims, housekeeping

log = logging.getLogger(__name__)

REAP_SECONDS = 5.0


async def reap() -> float:
    """Take back the case runs of lost workers, each by itself, and cancel runs whose time is over."""
    async with database.transaction() as session:
        expired = await claims.expired(session)
    taken = 0
    for one in expired:
        try:
            async with database.transaction() as session:
                await claims.take_back(session, one)
            taken += 1
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.exception("case run %s/%s/%s cannot be taken back", one.run_id, one.position, one.data_row)
    LEASES_LOST.labels("executor").inc(taken)
    async with database.transaction() as session:
        await housekeeping.cancel_overdue_runs(session, executor_settings().run_timeout_seconds)
    return 0 if taken == claims.REAPED_AT_ONCE else REAP_SECONDS


async def keep_house() -> float:
    """Make and drop partitions, forget tried documents, old keys and workers that are gone."""
    for table, days in housekeeping.kept_days().items():
        async with database.transaction() as session:
            await keep_daily_partitions(session, table, ahead_days=3, keep_days=days)
    async with database.transaction() as session:
        await housekeeping.forget(session)
    return 60.0


async def sum_days() -> float:
    """Sum the days that are over, for the trends: one in each pass."""
    async with database.transaction() as session:
        return 0 if await housekeeping.sum_a_day(session) else 60.0
