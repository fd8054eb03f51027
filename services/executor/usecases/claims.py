"""Case runs in work: claimed with a lease, started with their definition, renewed, released, taken back."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from caselang.judgement import CaseVerdict
from kit.db import wake_after_commit
from services.executor.settings import executor_settings
from services.executor.usecases.ends import End, as_json, end_cases, free_locks, lock_runs

log = logging.getLogger(__name__)

LEASE = "make_interval(secs => :lease_seconds)"
DEFAULT_DEADLINE = "interval '10 minutes'"
OVERDUE = "interval '90 seconds'"
"""How long after its deadline a case run is left to its worker, which ends it by itself and runs the teardown."""
REAPED_AT_ONCE = 200
MAX_STARTS = 2

_CLAIM = text(f"""
    WITH RECURSIVE project AS (
        (SELECT project_id FROM case_run WHERE status = 'queued' ORDER BY project_id LIMIT 1)
        UNION ALL
        SELECT (SELECT c.project_id FROM case_run c WHERE c.status = 'queued' AND c.project_id > project.project_id
                ORDER BY c.project_id LIMIT 1)
        FROM project WHERE project.project_id IS NOT NULL
    ), candidate AS (
        SELECT q.run_id, q.position, q.data_row
        FROM project p
        CROSS JOIN LATERAL (
            SELECT count(*) AS held FROM case_run WHERE status = 'running' AND project_id = p.project_id) AS running
        CROSS JOIN LATERAL (
            SELECT run_id, position, data_row, queued_at,
                   row_number() OVER (ORDER BY queued_at, run_id, position) AS place
            FROM (SELECT run_id, position, data_row, queued_at FROM case_run
                  WHERE status = 'queued' AND project_id = p.project_id
                    AND (not_before IS NULL OR not_before <= clock_now())
                  ORDER BY queued_at LIMIT :slots) AS oldest) AS q
        WHERE p.project_id IS NOT NULL
        ORDER BY running.held + q.place, q.queued_at LIMIT :slots
    ), chosen AS (
        SELECT c.run_id, c.position, c.data_row
        FROM case_run c JOIN candidate USING (run_id, position, data_row)
        WHERE c.status = 'queued' FOR UPDATE OF c SKIP LOCKED
    )
    UPDATE case_run c SET
        status = 'running', starts = starts + 1, worker_id = :worker, lease_token = gen_random_uuid(),
        lease_until = clock_now() + {LEASE}, deadline_at = clock_now() + {DEFAULT_DEADLINE}, started_at = clock_now(),
        not_before = NULL
    FROM chosen WHERE (c.run_id, c.position, c.data_row) = (chosen.run_id, chosen.position, chosen.data_row)
    RETURNING c.run_id, c.position, c.data_row, c.case_id, c.project_id, c.environment_id, c.min_revision, c.starts,
        c.lease_token,
        extract(epoch FROM clock_now() - c.missing_since)::float AS missing_seconds
""")
_RELEASE = text("""
    UPDATE case_run c SET
        status = 'queued', starts = starts - 1, lease_token = NULL, lease_until = NULL, worker_id = NULL,
        started_at = NULL, not_before = clock_now() + make_interval(secs => e.pause),
        missing_since = CASE WHEN e.missing THEN coalesce(c.missing_since, clock_now()) ELSE c.missing_since END,
        locked_since = CASE WHEN e.locked THEN coalesce(c.locked_since, clock_now()) ELSE c.locked_since END
    FROM json_to_recordset(CAST(:rows AS json)) AS e (
        lease_token uuid, run_id uuid, pause double precision, missing boolean, locked boolean)
    WHERE c.run_id = e.run_id AND c.lease_token = e.lease_token
    RETURNING c.run_id, c.position, c.data_row, c.starts
""")
_DROP_RESULTS = text("""
    DELETE FROM step_result r USING json_to_recordset(CAST(:rows AS json)) AS e (
        run_id uuid, position integer, data_row integer, starts integer)
    WHERE (r.run_id, r.position, r.data_row) = (e.run_id, e.position, e.data_row) AND r.start_no > e.starts
""")
_HELD = """
    SELECT run_id, position, data_row, lease_token FROM case_run
    WHERE run_id = ANY(CAST(:run_ids AS uuid[])) AND status = 'running' AND worker_id = :worker
      AND lease_token = ANY(CAST(:tokens AS uuid[]))
"""
# A row that is being written is passed over: waiting for it could be a deadlock, and it is over in a moment.
_RENEW = text(f"""
    WITH held AS ({_HELD} FOR UPDATE SKIP LOCKED)
    UPDATE case_run c SET lease_until = clock_now() + {LEASE}
    FROM held WHERE (c.run_id, c.position, c.data_row) = (held.run_id, held.position, held.data_row)
""")
_CANCELLING = text("""
    SELECT run_id FROM run WHERE run_id = ANY(CAST(:run_ids AS uuid[])) AND status IN ('cancelling', 'cancelled')
""")
_TAKE_LOCKS = text("""
    INSERT INTO held_lock (environment_id, name, lease_token)
    SELECT :environment_id, name, :token FROM unnest(CAST(:names AS text[])) AS name ORDER BY name
    ON CONFLICT DO NOTHING RETURNING name
""")
_LOCKED = text("""
    UPDATE case_run SET locked_since = NULL,
        lock_wait_ms = lock_wait_ms + coalesce(extract(epoch FROM clock_now() - locked_since) * 1000, 0)
    WHERE run_id = :run_id AND lease_token = :token AND locked_since IS NOT NULL
""")
_GONE = f"status = 'running' AND (lease_until < clock_now() OR deadline_at < clock_now() - {OVERDUE})"
# In no order, so that many of which none can be taken back do not stand before the others for ever.
_EXPIRED = text(f"""
    SELECT run_id, position, data_row, lease_token, starts, on_worker_loss,
           deadline_at < clock_now() - {OVERDUE} AS overdue
    FROM case_run WHERE {_GONE} ORDER BY random() LIMIT :limit
""")
_STILL_GONE = text(f"SELECT 1 FROM case_run WHERE run_id = :run_id AND lease_token = :token AND {_GONE} FOR UPDATE")
_RESTART = text("""
    UPDATE case_run SET status = 'queued', lease_token = NULL, lease_until = NULL, worker_id = NULL, not_before = NULL
    WHERE run_id = :run_id AND lease_token = :token
""")


def _leased(**values: Any) -> dict[str, Any]:  # noqa: ANN401 (a statement's values)
    return {"lease_seconds": executor_settings().lease_seconds, **values}


async def claim(session: AsyncSession, worker: str, slots: int) -> list[dict[str, Any]]:
    """Lease up to that many queued case runs to a worker, the projects taking turns. Locks case runs only."""
    return [dict(row) for row in (await session.execute(_CLAIM, _leased(worker=worker, slots=slots))).mappings()]


@dataclass(frozen=True, slots=True)
class Release:
    """A case run that goes back to the queue: its start does not count, and what it has written is dropped."""

    run_id: UUID
    lease_token: UUID
    pause: float = 0
    """Seconds until it may be claimed again."""
    missing: bool = False
    """Its definition is not here yet."""
    locked: bool = False
    """Another case run holds one of its named locks."""


async def release(session: AsyncSession, releases: Sequence[Release]) -> None:
    """Give case runs back to the queue."""
    rows = [asdict(one) for one in releases]
    released = [dict(row) for row in (await session.execute(_RELEASE, {"rows": as_json(rows)})).mappings()]
    if released:
        await session.execute(_DROP_RESULTS, {"rows": as_json(released)})
    await free_locks(session, [one.lease_token for one in releases])


async def renew(session: AsyncSession, worker: str, held: Mapping[UUID, UUID]) -> set[UUID]:
    """Renew the leases of a worker, {token: run id}; answers those it still holds."""
    values = {"worker": worker, "tokens": list(held), "run_ids": list(set(held.values()))}
    await session.execute(_RENEW, _leased(**values))
    return {row.lease_token for row in await session.execute(text(_HELD), values)}


async def cancelling(session: AsyncSession, run_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these runs are cancelled."""
    return set((await session.execute(_CANCELLING, {"run_ids": list(set(run_ids))})).scalars())


async def take_locks(
    session: AsyncSession, run_id: UUID, token: UUID, environment_id: int, names: Sequence[str]
) -> bool:
    """Take all of the named locks of an environment, or none."""
    values = {"environment_id": environment_id, "token": token, "names": list(names)}
    taken = (await session.execute(_TAKE_LOCKS, values)).all()
    if len(taken) < len(names):
        await session.execute(text("DELETE FROM held_lock WHERE lease_token = :token"), {"token": token})
        return False
    await session.execute(_LOCKED, {"run_id": run_id, "token": token})
    return True


@dataclass(frozen=True, slots=True)
class Expired:
    """A case run whose worker has not been heard of in time, or whose own time is over."""

    run_id: UUID
    position: int
    data_row: int
    lease_token: UUID
    starts: int
    on_worker_loss: str
    overdue: bool


async def expired(session: AsyncSession) -> list[Expired]:
    """Case runs to be taken back, at most so many at once."""
    return [Expired(**row) for row in (await session.execute(_EXPIRED, {"limit": REAPED_AT_ONCE})).mappings()]


async def take_back(session: AsyncSession, one: Expired) -> None:
    """Take a case run back from its worker, unless that was heard of meanwhile: once again, or ended."""
    cancelled = (await lock_runs(session, [one.run_id]))[one.run_id] == "cancelling"
    key = {"run_id": one.run_id, "token": one.lease_token}
    if (await session.execute(_STILL_GONE, key)).first() is None:
        return
    log.warning("case run %s/%s/%s taken back from its worker", one.run_id, one.position, one.data_row)
    if one.starts < MAX_STARTS and one.on_worker_loss == "restart" and not (cancelled or one.overdue):
        await session.execute(_RESTART, key)
        await free_locks(session, [one.lease_token])
    else:
        await end_cases(session, [_lost(one, cancelled=cancelled)])
    wake_after_commit(session, "work")


def _lost(one: Expired, *, cancelled: bool) -> End:
    failure_class, reason = ("timeout", "case_timeout") if one.overdue else ("platform", "worker_lost")
    verdict = CaseVerdict("error", failure_class, reason)
    status = "cancelled" if cancelled else "error"
    return End(one.run_id, one.position, one.data_row, one.lease_token, verdict, status, reason)
