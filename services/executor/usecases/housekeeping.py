"""What has to be done from time to time."""

import logging
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.settings import settings
from services.executor.queries import trends
from services.executor.settings import executor_settings
from services.executor.usecases.ends import lock_runs
from services.executor.usecases.runs import cancel_locked

log = logging.getLogger(__name__)

_OVERDUE = text("""
    SELECT run_id FROM run
    WHERE finished_at IS NULL AND status <> 'cancelling' AND created_at < clock_now() - make_interval(secs => :seconds)
    ORDER BY run_id LIMIT 100
""")
_FORGET = (
    "DELETE FROM worker WHERE seen_at < clock_now() - interval '1 hour'",
    "DELETE FROM idempotency_key WHERE created_at < clock_now() - interval '24 hours'",
    """WITH old AS (SELECT run_id FROM run WHERE trial AND created_at < clock_now() - interval '1 hour'),
            steps AS (DELETE FROM step_result WHERE run_id IN (SELECT run_id FROM old)),
            definitions AS (DELETE FROM case_definition WHERE run_id IN (SELECT run_id FROM old)),
            cases AS (DELETE FROM case_run WHERE run_id IN (SELECT run_id FROM old))
       DELETE FROM run WHERE run_id IN (SELECT run_id FROM old)""",
    """DELETE FROM held_lock h WHERE NOT EXISTS (
           SELECT 1 FROM case_run c WHERE c.status = 'running' AND c.lease_token = h.lease_token)""",
    "DELETE FROM trend_day WHERE day < clock_now() - interval '400 days'",
)
_FORGET_GREEN = text("DELETE FROM green_step WHERE finished_at < clock_now() - make_interval(days => :days)")


async def cancel_overdue_runs(session: AsyncSession, seconds: float) -> None:
    """Cancel runs that have been open for too long, with the reason `deadline`."""
    overdue = list((await session.execute(_OVERDUE, {"seconds": seconds})).scalars())
    for run_id, status in (await lock_runs(session, overdue)).items() if overdue else ():
        if status in {"queued", "running"}:
            log.warning("run %s is open for more than %.0f s; cancelled", run_id, seconds)
            await cancel_locked(session, run_id, "deadline")


def kept_days() -> dict[str, int]:
    """How many days of each table that goes by partitions are kept."""
    own = executor_settings()
    steps = dict.fromkeys(("step_result", "case_definition"), own.keep_steps_days)
    return steps | dict.fromkeys(("case_run", "run"), own.keep_runs_days)


async def forget(session: AsyncSession) -> None:
    """Delete workers and tried documents of an hour ago, keys of a day ago, answers to compare with that are old, and
    sums of days that no trend goes back to.
    """
    for statement in _FORGET:
        await session.execute(text(statement))
    await session.execute(_FORGET_GREEN, {"days": executor_settings().keep_runs_days})


async def sum_a_day(session: AsyncSession) -> bool:
    """Sum the first day that is over and not summed yet; answers whether there was one."""
    zone = ZoneInfo(settings().timezone)
    day = await trends.day_to_sum(session, zone)
    if day is not None:
        await trends.sum_day(session, day, zone)
    return day is not None
