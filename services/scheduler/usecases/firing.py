"""What happens when a task falls due."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from prometheus_client import Histogram
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from contracts.scheduler import DueCase, EnvironmentChoice, LastStatus, Notify, TaskDue
from kit import clock
from kit.caller import Caller
from kit.outbox import publish
from services.scheduler import queries, rules
from services.scheduler.errors import TaskNotFound, TaskNotPending
from services.scheduler.models import Firing
from services.scheduler.usecases.access import require_holder

log = logging.getLogger(__name__)

BATCH = 500
LAG = Histogram(
    "rounds_task_lag_seconds",
    "From the due time of a task to its firing",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 300, 3600),
)

# The array makes PostgreSQL find the rows once, by index, however large the table; as a join, its general plan scans
# the whole table. There is no parameter in it, so there is no other plan that it could change to.
_TASK_COLUMNS = """task.id, task.task_name, task.case_ids, task.targets, task.owner_ids, task.parallel,
    task.max_parallel, task.environments, task.failed_stop, task.only_failed_log, task.notify, task.last_status,
    task.max_retries, task.scheduled_at, task.cron, task.timezone, task.until, task.overlap,
    task.misfire_grace_seconds, task.open_firings"""
_CLAIM_DUE = text(f"""
    UPDATE task SET status = 'running', next_due_at = NULL, open_firings = open_firings + 1,
        last_lag_ms = extract(epoch FROM clock_now() - scheduled_at) * 1000
    WHERE id = ANY(ARRAY(
        SELECT id FROM task WHERE next_due_at <= clock_now() AND NOT paused
        ORDER BY next_due_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
    RETURNING {_TASK_COLUMNS}, clock_now() AS now
""")
_CLAIM_WAITING = text(f"""
    UPDATE firing SET state = 'fired', fired_at = clock_now(), heard_at = clock_now()
    WHERE run_id = ANY(ARRAY(
        SELECT run_id FROM firing WHERE state = 'waiting' AND fire_at <= clock_now()
        ORDER BY fire_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
    RETURNING task_id, due_at, trigger, attempt, max_attempts, run_id, fired_at, requested_by
""")
_INSERT_FIRED = text("""
    INSERT INTO firing (task_id, due_at, trigger, attempt, max_attempts, state, run_id, fired_at, heard_at)
    SELECT task_id, due_at, 'schedule', 1, max_attempts, 'fired', run_id, clock_now(), clock_now()
    FROM unnest(CAST(:task_ids AS integer[]), CAST(:due_ats AS timestamptz[]), CAST(:max_attempts AS smallint[]),
                CAST(:run_ids AS uuid[])) AS fired (task_id, due_at, max_attempts, run_id)
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
    SELECT extract(epoch FROM least(
        (SELECT min(next_due_at) FROM task WHERE next_due_at IS NOT NULL AND NOT paused),
        (SELECT min(fire_at) FROM firing WHERE state = 'waiting')) - clock_now())
""")


class DueTask(Protocol):
    """What a firing needs of its task: a `Task`, or a row with the same columns."""

    id: Any
    task_name: str
    case_ids: list[int]
    targets: list[dict[str, Any]]
    owner_ids: list[int]
    parallel: int
    max_parallel: int
    environments: dict[str, int]
    failed_stop: bool
    only_failed_log: bool
    notify: str
    last_status: str | None


class Attempt(NamedTuple):
    """One attempt that is announced to the executor."""

    task_id: int
    due_at: datetime
    trigger: Literal["schedule", "retry", "manual"]
    attempt: int
    max_attempts: int
    run_id: UUID
    fired_at: datetime
    requested_by: int | None = None


@dataclass
class Fired:
    """What one pass did."""

    attempts: list[Attempt] = field(default_factory=list)
    others: list[Firing] = field(default_factory=list)
    """Rows of the ledger that make no run now: skipped, missed, waiting."""
    full: bool = False
    """There may be more that is due already."""

    def count(self, trigger: str) -> int:
        """How many attempts of a kind were announced."""
        return sum(attempt.trigger == trigger for attempt in self.attempts)

    def state(self, state: str) -> int:
        """How many rows of the ledger took a state."""
        return sum(firing.state == state for firing in self.others)

    @property
    def lag_ms(self) -> int | None:
        """The longest lag of what was due by the schedule; None: nothing was."""
        lags = [rules.lag_ms(a.due_at, a.fired_at) for a in self.attempts if a.trigger == "schedule"]
        return max(lags, default=None)


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

    Claim, ledger and outbox are one transaction: of two schedulers only one has a row, and one that dies leaves it.
    """
    fired = Fired()
    claimed = sorted((await session.execute(_CLAIM_DUE)).all(), key=lambda task: (task.scheduled_at, task.id))
    if claimed:
        await _settle(session, claimed, fired)
    waiting = [Attempt(*row) for row in (await session.execute(_CLAIM_WAITING)).all()]
    tasks: dict[int, DueTask] = {task.id: cast("DueTask", task) for task in claimed}
    if waiting:
        tasks |= await queries.tasks(session, {attempt.task_id for attempt in waiting})
    fired.attempts += waiting
    fired.full = BATCH in {len(claimed), len(waiting)}
    await announce(session, fired.attempts, tasks)
    for attempt in fired.attempts:
        if attempt.trigger == "schedule":
            LAG.observe((attempt.fired_at - attempt.due_at).total_seconds())
    return fired


async def _settle(session: AsyncSession, claimed: Sequence[Any], fired: Fired) -> None:
    """Decide what becomes of each claimed task. The claim has settled already those that are due once."""
    now: datetime = claimed[0].now
    recurring = [task for task in claimed if task.cron is not None]
    earlier = await queries.ledgers(session, recurring) if recurring else {}
    moved: list[tuple[int, str, datetime | None, int, int | None]] = []
    for task in claimed:
        grace = rules.grace_of(task.cron, task.misfire_grace_seconds)
        if task.cron is None:
            outcome = rules.one_off_outcome(task.scheduled_at, now, grace)
        else:
            zone = ZoneInfo(task.timezone)
            outcome = rules.recurring_outcome(task.cron, zone, task.scheduled_at, now, grace or 0, task.until)
        known = earlier.get(task.id, queries.EMPTY_LEDGER)
        runs, rows = _rows(task, outcome, known, now)
        fired.others += rows
        if runs and outcome.run is not None:
            fired.attempts.append(Attempt(task.id, outcome.run, "schedule", 1, task.max_retries + 1, uuid7(), now))
        if task.cron is not None or not runs:
            in_work = task.open_firings - 1 + runs + sum(row.state == "waiting" for row in rows)
            status = rules.status_between(task.cron, task.last_status, outcome.next_due, in_work)
            if task.cron is None:
                status = "failed"
            lag = rules.lag_ms(outcome.run, now) if outcome.run else None
            moved.append((task.id, status, outcome.next_due, in_work, lag))
    if moved:
        ids, statuses, next_due_ats, open_firings, lags = (list(column) for column in zip(*moved, strict=True))
        values = {"ids": ids, "statuses": statuses, "next_due_ats": next_due_ats, "open_firings": open_firings}
        await session.execute(_MOVE_ON, {**values, "lags": lags})
    session.add_all(fired.others)
    if fired.attempts:
        await session.execute(
            _INSERT_FIRED,
            {
                "task_ids": [attempt.task_id for attempt in fired.attempts],
                "due_ats": [attempt.due_at for attempt in fired.attempts],
                "max_attempts": [attempt.max_attempts for attempt in fired.attempts],
                "run_ids": [attempt.run_id for attempt in fired.attempts],
            },
        )


def _rows(
    task: Any,  # noqa: ANN401 (a row)
    outcome: rules.Outcome,
    known: queries.Ledger,
    now: datetime,
) -> tuple[bool, list[Firing]]:
    """Whether the occurrence runs at once, and the rows that the ledger gets beside that.

    An occurrence that is in the ledger already (the clock went back, the task was set to the same time) is no other.
    """
    rows = []
    missed = outcome.missed
    if missed is not None and missed.last not in known.due_ats:
        rows.append(
            Firing(
                task_id=task.id, due_at=missed.last, trigger="schedule", state="missed", reason=missed.reason,
                missed_from=missed.first, missed_to=missed.last, missed_count=missed.count, ended_at=now,
            )
        )  # fmt: skip
    if outcome.run is None or outcome.run in known.due_ats:
        return False, rows
    if task.open_firings == 1 or task.overlap == "allow":
        return True, rows
    occurrence: dict[str, Any] = {"task_id": task.id, "due_at": outcome.run, "trigger": "schedule"}
    if task.overlap == "queue" and not known.one_waits:
        waiting = Firing(**occurrence, state="waiting", max_attempts=task.max_retries + 1, run_id=uuid7())
        return False, [*rows, waiting]
    reason = "queue_full" if task.overlap == "queue" else "overlap"
    return False, [*rows, Firing(**occurrence, state="skipped", reason=reason, ended_at=now)]


async def announce(session: AsyncSession, attempts: Sequence[Attempt], tasks: dict[int, DueTask]) -> None:
    """State `task.due` for each attempt, with the cases as they are now; the same number of queries however many."""
    if not attempts:
        return
    of_targets = await queries.cases_of_targets(session, {id_: task.targets for id_, task in tasks.items()})
    wanted = {case_id for task in tasks.values() for case_id in task.case_ids}
    revisions = await queries.case_revisions(session, wanted | {id_ for ids in of_targets.values() for id_ in ids})
    events = []
    for attempt in attempts:
        task = tasks[attempt.task_id]
        case_ids = dict.fromkeys([*task.case_ids, *of_targets.get(attempt.task_id, ())])
        events.append(_task_due(attempt, task, case_ids, revisions))
    await publish(session, *events)


def _task_due(attempt: Attempt, task: DueTask, case_ids: Iterable[int], revisions: dict[int, int]) -> TaskDue:
    return TaskDue(
        run_id=attempt.run_id,
        task_id=attempt.task_id,
        task_name=task.task_name,
        trigger=attempt.trigger,
        attempt=attempt.attempt,
        max_attempts=attempt.max_attempts,
        due_at=attempt.due_at,
        fired_at=attempt.fired_at,
        cases=[DueCase(case_id=case_id, min_revision=revisions.get(case_id, 1)) for case_id in case_ids],
        parallel=1 if task.parallel else 0,
        max_parallel=task.max_parallel,
        environments=[
            EnvironmentChoice(project_id=int(project_id), environment_id=environment_id)
            for project_id, environment_id in task.environments.items()
        ],
        failed_stop=task.failed_stop,
        only_failed_log=task.only_failed_log,
        owner_ids=task.owner_ids,
        notify=cast("Notify", task.notify),
        previous_status=cast("LastStatus | None", task.last_status),
        requested_by=attempt.requested_by,
    )


async def seconds_to_next(session: AsyncSession) -> float | None:
    """How long it is until something is due, by the database's clock; None: nothing is in sight."""
    seconds = (await session.execute(_NEXT)).scalar_one()
    return None if seconds is None else max(0.0, float(seconds))


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
    now = await clock.now(session)
    attempt = Attempt(task.key, now, "manual", 1, 1, uuid7(), now, caller.user_id)
    values: dict[str, Any] = attempt._asdict()
    session.add(Firing(**values, state="fired", heard_at=now))
    await announce(session, [attempt], {task.key: task})
    log.info("task %d fired by hand of user %d: run %s", task_id, caller.user_id, attempt.run_id)
    return attempt.run_id


async def ask_again(session: AsyncSession, run_id: UUID) -> None:
    """State the same `task.due` once more for a run that the executor does not know."""
    firing = await queries.find_firing(session, run_id)
    if firing is None or firing.state not in {"fired", "started"} or firing.fired_at is None:
        return
    attempt = Attempt(
        firing.task_id, firing.due_at, cast("Any", firing.trigger), firing.attempt, firing.max_attempts, run_id,
        firing.fired_at, firing.requested_by,
    )  # fmt: skip
    await announce(session, [attempt], await queries.tasks(session, {firing.task_id}))


def retry_of(firing: Firing, now: datetime, delay_seconds: int) -> Firing:
    """The attempt that follows one that did not pass."""
    return Firing(
        task_id=firing.task_id,
        due_at=firing.due_at,
        trigger="retry",
        attempt=firing.attempt + 1,
        max_attempts=firing.max_attempts,
        state="waiting",
        run_id=uuid7(),
        fire_at=now + timedelta(seconds=delay_seconds),
    )
