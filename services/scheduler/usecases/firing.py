"""What happens when a task falls due."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from prometheus_client import Histogram
from sqlalchemy import insert, text
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from contracts.scheduler import TaskDue
from kit import clock
from kit.caller import Caller
from kit.outbox import NEXT_UUID, publish_from
from services.scheduler import queries, rules
from services.scheduler.errors import TaskNotFound, TaskNotPending
from services.scheduler.models import Firing
from services.scheduler.usecases.access import require_holder
from services.scheduler.usecases.announcing import EVENT, REASON, announce

log = logging.getLogger(__name__)

BATCH = 500
LAG = Histogram(
    "rounds_task_lag_seconds",
    "From the due time to the firing, of the task of each pass that was due first",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 300, 3600),
)

_NOW = "(SELECT clock_now())"  # as a query of its own it is made once, not for each row
# One statement claims what is due, writes the ledger and states the events. A task that is plain (due once, however
# late) is done with; of the others the rows come back, for their next time is a matter of cron and policies.
# The array makes PostgreSQL find the rows by index, once, however large the table: a join would scan all of it.
_FIRE_DUE = f"""
    due AS (
        UPDATE task SET status = 'running', next_due_at = NULL, open_firings = open_firings + 1,
            last_lag_ms = extract(epoch FROM {_NOW} - scheduled_at) * 1000
        WHERE id = ANY(ARRAY(
            SELECT id FROM task WHERE next_due_at <= clock_now() AND NOT paused
            ORDER BY next_due_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
        RETURNING *, cron IS NULL AND misfire_grace_seconds IS NULL AS plain
    ), fired AS (
        INSERT INTO firing (task_id, due_at, trigger, attempt, max_attempts, state, reason, run_id, fired_at, heard_at)
        SELECT id, scheduled_at, 'schedule', 1, max_retries + 1, 'fired', {REASON}, {NEXT_UUID}, {_NOW}, {_NOW}
        FROM due AS task WHERE plain
        RETURNING *
    ), event AS ({EVENT.replace("FROM firing JOIN task", "FROM fired AS firing JOIN due AS task")})
"""
_NOT_PLAIN = """
    SELECT id, plain, scheduled_at, cron, timezone, until, overlap, misfire_grace_seconds, max_retries, open_firings,
           last_status, clock_now() AS now, false AS any_waited
    FROM due WHERE NOT plain
    UNION ALL SELECT NULL, true, min(due_at), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, clock_now(),
        EXISTS (SELECT FROM firing WHERE state = 'waiting' AND fire_at <= clock_now())
    FROM fired
"""
_FIRE_WAITING = text(f"""
    UPDATE firing SET state = 'fired', fired_at = clock_now(), heard_at = clock_now()
    WHERE run_id = ANY(ARRAY(
        SELECT run_id FROM firing WHERE state = 'waiting' AND fire_at <= clock_now()
        ORDER BY fire_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
    RETURNING run_id
""")
_MOVE_ON = text("""
    UPDATE task SET status = moved.status, next_due_at = moved.next_due_at, open_firings = moved.open_firings,
        scheduled_at = coalesce(moved.next_due_at, scheduled_at), last_lag_ms = moved.last_lag_ms
    FROM unnest(CAST(:ids AS integer[]), CAST(:statuses AS text[]), CAST(:next_due_ats AS timestamptz[]),
                CAST(:open_firings AS integer[]), CAST(:lags AS bigint[]))
         AS moved (id, status, next_due_at, open_firings, last_lag_ms)
    WHERE task.id = moved.id
""")
_NEXT = text("""
    SELECT extract(epoch FROM due_at - clock_now())::float8 AS seconds,
           extract(epoch FROM clock_timestamp() - now())::float8 AS spent_seconds
    FROM (SELECT least(
        (SELECT min(next_due_at) FROM task WHERE next_due_at IS NOT NULL AND NOT paused),
        (SELECT min(fire_at) FROM firing WHERE state = 'waiting')) AS due_at) AS following
    WHERE due_at IS NOT NULL
""")


@dataclass
class Fired:
    """What one pass did."""

    fired: int = 0
    """Occurrences that run now."""
    retried: int = 0
    """Firings that had waited: for a retry's delay, or for the occurrence before them."""
    skipped: int = 0
    missed: int = 0
    waiting: int = 0
    lag_ms: int | None = None
    """The lag of what was due first; None: nothing was due."""
    full: bool = False
    """There may be more that is due already."""


@dataclass
class LastPass:
    """What this process last did; for people who look whether the scheduler is alive."""

    at: datetime | None = None
    fired_at: datetime | None = None
    lag_ms: int | None = None

    def note(self, fired: Fired) -> None:
        """Remember a pass that has committed."""
        self.at = datetime.now(UTC)
        if fired.lag_ms is not None:
            self.fired_at, self.lag_ms = self.at, fired.lag_ms


last_pass = LastPass()


async def fire_due(session: AsyncSession) -> Fired:
    """One pass: claim what is due, at most 500 tasks, write the ledger, and tell the executor.

    All of it is one transaction: of two schedulers only one has a task, and one that dies leaves it as it was.
    """
    plain, rows = await publish_from(session, TaskDue, _FIRE_DUE, _NOT_PLAIN)
    others = [row for row in rows if not row.plain]
    firings = await _settle(session, others) if others else []
    any_waited = any(row.any_waited for row in rows)  # a statement that finds nothing is a round trip all the same
    waited = list((await session.execute(_FIRE_WAITING)).scalars()) if any_waited else []
    await announce(session, [*(found.run_id for found in firings if found.state == "fired" and found.run_id), *waited])

    states = [found.state for found in firings]
    fired = Fired(
        fired=plain + states.count("fired"),
        retried=len(waited),
        skipped=states.count("skipped"),
        missed=states.count("missed"),
        waiting=states.count("waiting"),
        full=plain + len(others) == BATCH or len(waited) == BATCH,
    )
    due_ats = [row.scheduled_at for row in rows if row.scheduled_at is not None]
    if due_ats:
        fired.lag_ms = rules.lag_ms(min(due_ats), rows[0].now)
        LAG.observe(fired.lag_ms / 1000)
    return fired


async def _settle(session: AsyncSession, claimed: Sequence[Any]) -> list[Firing]:
    """Decide what becomes of tasks that recur or have a grace period; answers what the ledger got."""
    recurring = [task for task in claimed if task.cron is not None]
    earlier = await queries.ledgers(session, recurring) if recurring else {}
    settled = [_settled(task, earlier.get(task.id, queries.EMPTY_LEDGER)) for task in claimed]
    moved = [move for move, _ in settled]
    names = ("ids", "statuses", "next_due_ats", "open_firings", "lags")
    columns = [list(column) for column in zip(*moved, strict=True)]
    await session.execute(_MOVE_ON, dict(zip(names, columns, strict=True)))
    firings = [firing for _, rows in settled for firing in rows]
    if firings:
        await session.execute(insert(Firing), [firing.model_dump() for firing in firings])
    return firings


_Move = tuple[int, str, datetime | None, int, int | None]


def _settled(task: Any, known: queries.Ledger) -> tuple[_Move, list[Firing]]:  # noqa: ANN401 (a row)
    """The task's next state, and the rows that the ledger gets.

    An occurrence that the ledger has already (the clock went back) is no other and makes no row.
    """
    now: datetime = task.now
    grace = rules.grace_of(task.cron, task.misfire_grace_seconds)
    if task.cron is None:
        outcome = rules.one_off_outcome(task.scheduled_at, now, grace)
    else:
        zone = ZoneInfo(task.timezone)
        outcome = rules.recurring_outcome(task.cron, zone, task.scheduled_at, now, grace or 0, task.until)
    rows = []
    missed, run, open_firings = outcome.missed, outcome.run, task.open_firings - 1
    if missed is not None and missed.last not in known.due_ats:
        span = {"missed_from": missed.first, "missed_to": missed.last, "missed_count": missed.count}
        rows.append(_row(task, missed.last, "missed", reason=missed.reason, ended_at=now, **span))
    if run is not None and run not in known.due_ats:
        if open_firings == 0 or task.overlap == "allow":
            rows.append(_row(task, run, "fired", run_id=uuid7(), fired_at=now, heard_at=now))
        elif task.overlap == "queue" and not known.one_waits:
            rows.append(_row(task, run, "waiting", run_id=uuid7()))
        else:
            reason = "queue_full" if task.overlap == "queue" else "overlap"
            rows.append(_row(task, run, "skipped", reason=reason, ended_at=now))
    open_firings += sum(row.state in {"fired", "waiting"} for row in rows)
    status = rules.status_between(task.cron, task.last_status, outcome.next_due, open_firings)
    if task.cron is None and open_firings == 0:
        status = "failed"
    lag = None if run is None else rules.lag_ms(run, now)
    return (task.id, status, outcome.next_due, open_firings, lag), rows


def _row(task: Any, due_at: datetime, state: str, **values: Any) -> Firing:  # noqa: ANN401 (a row; columns)
    return Firing(
        task_id=task.id, due_at=due_at, trigger="schedule", attempt=1, max_attempts=task.max_retries + 1, state=state,
        **values,
    )  # fmt: skip


@dataclass(frozen=True)
class Following:
    """When something is due next, by the database's clock."""

    seconds: float
    """From the beginning of the transaction; not above 0: another transaction holds what is due."""
    spent_seconds: float
    """What the transaction has taken so far: the database's clock stands still in it."""


async def next_due(session: AsyncSession) -> Following | None:
    """How long it is until something is due; None: nothing is in sight."""
    row = (await session.execute(_NEXT)).first()
    return None if row is None else Following(row.seconds, row.spent_seconds)


async def fire_by_hand(session: AsyncSession, caller: Caller, task_id: int) -> UUID:
    """Run a task now, leaving its schedule alone; answers the run's id.

    Raises: TaskNotFound, PermissionDenied, TaskNotPending (it was cancelled).
    """
    task = await queries.find_task(session, task_id, lock=True)
    if task is None:
        raise TaskNotFound
    require_holder(caller, task)
    if task.status == "cancelled":
        raise TaskNotPending(task.status)
    now, run_id = await clock.now(session), uuid7()
    values: dict[str, Any] = {"attempt": 1, "max_attempts": 1, "requested_by": caller.user_id}
    session.add(
        Firing(
            task_id=task_id, due_at=now, trigger="manual", state="fired", run_id=run_id, fired_at=now, heard_at=now,
            **values,
        )
    )  # fmt: skip
    await announce(session, [run_id])
    log.info("task %d fired by hand of user %d: run %s", task_id, caller.user_id, run_id)
    return run_id


def retry_of(firing: Firing, now: datetime, delay_seconds: int) -> Firing:
    """The attempt that follows one that did not pass."""
    values: dict[str, Any] = {"trigger": "retry", "state": "waiting", "run_id": uuid7()}
    return Firing(
        task_id=firing.task_id,
        due_at=firing.due_at,
        attempt=firing.attempt + 1,
        max_attempts=firing.max_attempts,
        fire_at=now + timedelta(seconds=delay_seconds),
        **values,
    )
