"""What happens to a task and its ledger when runs start and end, or are never heard of again."""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.executor import RunCompleted, RunStarted
from kit import clock
from kit.db import wake_after_commit
from services.scheduler import clients, queries, rules
from services.scheduler.models import Firing, Task
from services.scheduler.settings import scheduler_settings
from services.scheduler.usecases.announcing import announce
from services.scheduler.usecases.firing import retry_of

log = logging.getLogger(__name__)

ASKED_AT_ONCE = 20
PURGED_AT_ONCE = 5000

_STARTED = text("""
    UPDATE firing SET state = 'started', started_at = :started_at, heard_at = clock_now()
    WHERE run_id = :run_id AND state = 'fired'
""")
_SILENT = text(f"""
    UPDATE firing SET heard_at = clock_now()
    WHERE run_id = ANY(ARRAY(
        SELECT run_id FROM firing
        WHERE state IN ('fired', 'started') AND heard_at <= clock_now() - make_interval(secs => :silent)
        ORDER BY heard_at LIMIT {ASKED_AT_ONCE} FOR UPDATE SKIP LOCKED))
    RETURNING run_id, fired_at < clock_now() - make_interval(secs => :lost_after) AS overdue
""")
_RELEASE = text("""
    UPDATE firing SET fire_at = clock_now()
    WHERE task_id = :task_id AND state = 'waiting' AND trigger = 'schedule' AND fire_at IS NULL
""")
_PURGE = text("""
    DELETE FROM firing WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM firing WHERE ended_at < clock_now() - make_interval(days => :days)
        ORDER BY ended_at LIMIT :limit))
    RETURNING 1
""")


@dataclass(frozen=True)
class End:
    """How a run ended."""

    status: str
    final: bool
    reason: str | None
    pass_rate: float | None


@dataclass(frozen=True)
class Silent:
    """A firing of which nothing was heard for a while."""

    run_id: UUID
    overdue: bool
    """Fired so long ago that it is given up if the executor does not know it."""


async def run_started(session: AsyncSession, event: RunStarted) -> None:
    """Note that a firing's run has begun; silence if it is not ours, or has ended already."""
    await session.execute(_STARTED, {"run_id": event.run_id, "started_at": event.started_at})


async def run_completed(session: AsyncSession, event: RunCompleted) -> None:
    """Settle a firing by its run: another attempt if the run was not final, else the task's outcome."""
    await _end(session, event.run_id, End(event.status, event.final, event.reason, event.pass_rate))


async def run_lost(session: AsyncSession, run_id: UUID) -> None:
    """Give a firing up: the executor never knew its run."""
    log.error("run %s is lost: the executor does not know it", run_id)
    await _end(session, run_id, End("lost", final=True, reason="unknown_to_executor", pass_rate=None))


async def silent_firings(session: AsyncSession) -> list[Silent]:
    """Claim some of the firings that were silent for a minute, to ask the executor about them."""
    limits = {"silent": scheduler_settings().silent_seconds, "lost_after": scheduler_settings().lost_after_seconds}
    return [Silent(*row) for row in (await session.execute(_SILENT, limits)).all()]


async def reconcile(session: AsyncSession, firing: Silent, state: clients.RunState) -> None:
    """Take what the executor says about a silent firing: its end, or that it never heard of it."""
    if state.completed is not None:
        await run_completed(session, state.completed)
    elif not state.known and firing.overdue:
        await run_lost(session, firing.run_id)
    elif not state.known and await queries.awaits_run(session, firing.run_id):
        log.warning("the executor does not know run %s: asking for it again", firing.run_id)
        await announce(session, [firing.run_id])


async def purge_ledger(session: AsyncSession) -> bool:
    """Delete the oldest rows of the ledger whose time is over, some thousand; answers whether there are more."""
    values = {"days": scheduler_settings().keep_ledger_days, "limit": PURGED_AT_ONCE}
    return len((await session.execute(_PURGE, values)).all()) == PURGED_AT_ONCE


async def _end(session: AsyncSession, run_id: UUID, end: End) -> None:
    known = await queries.find_firing(session, run_id)
    if known is None:
        return
    task = await queries.find_task(session, known.task_id, lock=True)
    firing = await queries.find_firing(session, run_id, lock=True)
    if task is None or firing is None or firing.state not in {"fired", "started"}:
        return
    now = await clock.now(session)
    firing.state, firing.pass_rate, firing.ended_at = end.status, end.pass_rate, now
    firing.reason = end.reason or firing.reason
    task.execution_count += 1
    if end.final:
        await _settle(session, task, firing, end)
    else:
        session.add(retry_of(firing, now, task.retry_delay_seconds))
        wake_after_commit(session, "due")
    log.info("task %d: attempt %d of %s ended: %s", task.key, firing.attempt, _text(firing.due_at), end.status)


async def _settle(session: AsyncSession, task: Task, firing: Firing, end: End) -> None:
    """A firing by hand leaves the schedule alone; so does the end of one occurrence among several."""
    task.last_status, task.last_run_id, task.last_pass_rate = end.status, firing.run_id, end.pass_rate
    if firing.trigger == "manual":
        return
    task.open_firings -= 1
    task.status = rules.status_between(task.cron, task.last_status, task.next_due_at, task.open_firings)
    if task.open_firings == 1:
        await session.execute(_RELEASE, {"task_id": task.key})
        wake_after_commit(session, "due")


def _text(moment: datetime) -> str:
    return clock.utc_text(moment)
