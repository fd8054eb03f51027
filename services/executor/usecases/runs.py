"""Runs: how they come to be, are cancelled, and are run again."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from caselang.judgement import CaseVerdict
from contracts.scheduler import TaskDue
from kit.caller import Caller
from kit.db import wake_after_commit
from kit.errors import FieldFault, InvalidParameter, NotFound, PermissionDenied
from kit.telemetry import traceparent
from services.executor.errors import RunOver
from services.executor.models import IdempotencyKey, KnownCase, KnownEnvironment, Run, table
from services.executor.queries import replicas
from services.executor.usecases.ends import End, as_json, close_run, end_cases, lock_runs

log = logging.getLogger(__name__)

_INSERT_CASES = text("""
    WITH rows AS (
        SELECT e.*, coalesce(r.n, -1) AS data_row, row_number() OVER (ORDER BY e.position, r.n) AS place
        FROM json_to_recordset(CAST(:rows AS json)) AS e (
            position integer, case_id integer, project_id integer, environment_id integer, min_revision integer,
            name text, data_rows integer)
        LEFT JOIN LATERAL generate_series(0, e.data_rows - 1) AS r (n) ON true
    )
    INSERT INTO case_run (run_id, position, data_row, case_id, project_id, environment_id, min_revision, name, status,
                          queued_at)
    SELECT :run_id, position, data_row, case_id, project_id, environment_id, min_revision, name,
           CASE WHEN place <= :at_once THEN 'queued' ELSE 'waiting' END,
           CASE WHEN place <= :at_once THEN clock_now() END
    FROM rows RETURNING 1
""")
_OPEN_CASES = text("""
    SELECT position, data_row FROM case_run WHERE run_id = :run_id AND status IN ('waiting', 'queued')
    ORDER BY position, data_row FOR UPDATE
""")


@dataclass(frozen=True)
class WantedCase:
    """A case to run, and the oldest revision of it that may be."""

    case_id: int
    min_revision: int


async def create_run_of_task(session: AsyncSession, event: TaskDue) -> None:
    """Write the run that a due task asks for; the same run id again has no effect."""
    run = new_run(
        event.run_id,
        trigger=event.trigger,
        task_id=event.task_id,
        task_name=event.task_name,
        attempt=event.attempt,
        max_attempts=event.max_attempts,
        parallel=event.parallel,
        max_parallel=event.max_parallel,
        failed_stop=event.failed_stop,
        only_failed_log=event.only_failed_log,
        owner_ids=event.owner_ids,
        notify=event.notify,
        previous_status=event.previous_status,
        requested_by=event.requested_by,
        due_at=event.due_at,
        fired_at=event.fired_at,
    )
    wanted = [WantedCase(case.case_id, case.min_revision) for case in event.cases]
    chosen = {choice.project_id: choice.environment_id for choice in event.environments}
    await create_run(session, run, wanted, chosen)


async def create_run(
    session: AsyncSession, run: dict[str, Any], wanted: Sequence[WantedCase], chosen: dict[int, int]
) -> bool:
    """Write a run with its case runs; the first of them are queued. Answers False if there is this run already.

    `chosen` is the environment by project; a project that is not named takes its default one. What the replica does
    not know yet is filled in when the case is started.
    """
    cases = await replicas.cases(session, [case.case_id for case in wanted], deleted=True)
    projects = await replicas.projects(session, [case.project_id for case in cases.values()])
    defaults = {id_: project.default_environment_id for id_, project in projects.items()}
    by_project: dict[int, int | None] = {**defaults, **chosen}
    run["project_ids"] = sorted({case.project_id for case in cases.values() if case.project_id})
    run["environments"] = await environments_used(session, by_project)
    run["cases_total"] = sum(max(cases[c.case_id].data_rows, 1) if c.case_id in cases else 1 for c in wanted)
    made = await session.execute(
        insert(table(Run)).values(**run).on_conflict_do_nothing().returning(table(Run).c.run_id)
    )
    if made.first() is None:
        return False
    rows = [_case_row(position, case, cases.get(case.case_id), by_project) for position, case in enumerate(wanted)]
    await insert_cases(session, run, rows)
    if not wanted:
        await close_run(session, run["run_id"])
    wake_after_commit(session, "work")
    log.info("run %s of %d cases queued (%s)", run["run_id"], run["cases_total"], run["trigger"])
    return True


def new_run(run_id: UUID, **given: Any) -> dict[str, Any]:  # noqa: ANN401 (columns)
    """The columns of a run that is queued."""
    return {
        "run_id": run_id,
        "status": "queued",
        "attempt": 1,
        "max_attempts": 1,
        "owner_ids": [],
        "notify": None,
        "trial": False,
        "traceparent": traceparent.get(),
        **given,
    }


async def insert_cases(session: AsyncSession, run: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    """Write the case runs of a run, one per data row; as many are queued as may run at once."""
    at_once = run["max_parallel"] if run["parallel"] else 1
    await session.execute(_INSERT_CASES, {"run_id": run["run_id"], "rows": as_json(rows), "at_once": at_once})


async def environments_used(session: AsyncSession, by_project: Mapping[int, int | None]) -> dict[str, Any]:
    """The environments of a run by project, as its report names them."""
    known = await replicas.environments(session, by_project.values(), deleted=True)
    return {
        str(project_id): _environment(environment_id, known)
        for project_id, environment_id in sorted(by_project.items())
        if environment_id is not None
    }


def _environment(environment_id: int, known: dict[int, KnownEnvironment]) -> dict[str, Any]:
    found = known.get(environment_id)
    return {
        "id": environment_id,
        "name": found.name if found else None,
        "revision": found.revision if found else None,
    }


def _case_row(
    position: int, wanted: WantedCase, known: KnownCase | None, by_project: dict[int, int | None]
) -> dict[str, Any]:
    project_id = known.project_id if known else None
    return {
        "position": position,
        "case_id": wanted.case_id,
        "project_id": project_id or 0,
        "environment_id": by_project.get(project_id) if project_id else None,
        "min_revision": wanted.min_revision,
        "name": known.name if known else "",
        "data_rows": known.data_rows if known else 0,
    }


@dataclass(frozen=True)
class RunRequest:
    """What `POST /runs` asks for."""

    case_ids: list[int]
    environments: dict[int, int]
    parallel: int
    max_parallel: int
    failed_stop: bool
    only_failed_log: bool


async def request_run(
    session: AsyncSession,
    caller: Caller,
    request: RunRequest,
    trigger: str = "api",
    rerun_of: UUID | None = None,
) -> UUID:
    """Queue a run that a user asks for.

    Raises: InvalidParameter (unknown cases or environments), PermissionDenied (naming the cases of other projects).
    """
    cases = await replicas.cases(session, request.case_ids)
    faults = []
    if unknown := [id_ for id_ in request.case_ids if id_ not in cases]:
        faults.append(FieldFault("case_ids", "unknown_ids", {"ids": unknown}))
    faults += await environment_faults(session, request.environments)
    if faults:
        raise InvalidParameter(errors=faults)
    require_members(caller, {id_: case.project_id or 0 for id_, case in cases.items()})
    run_id = uuid7()
    run = new_run(
        run_id,
        trigger=trigger,
        rerun_of=rerun_of,
        requested_by=caller.user_id,
        parallel=request.parallel,
        max_parallel=request.max_parallel,
        failed_stop=request.failed_stop,
        only_failed_log=request.only_failed_log,
    )
    wanted = [WantedCase(id_, cases[id_].revision) for id_ in request.case_ids]
    await create_run(session, run, wanted, request.environments)
    return run_id


def require_members(caller: Caller, projects: dict[int, int]) -> None:
    """Raises: PermissionDenied, naming the cases of projects that the caller is no member of."""
    if refused := [case_id for case_id, project_id in projects.items() if not caller.is_member(project_id)]:
        raise PermissionDenied(errors=[FieldFault("case_ids", "not_a_member", {"ids": refused})])


async def environment_faults(session: AsyncSession, environments: dict[int, int]) -> list[FieldFault]:
    """Environments, by project, that do not exist or belong to another project."""
    known = await replicas.environments(session, list(environments.values()))
    return [
        FieldFault(f"environments.{project_id}", "unknown_ids", {"ids": [environment_id]})
        for project_id, environment_id in environments.items()
        if environment_id not in known or known[environment_id].project_id != project_id
    ]


async def remembered_run(session: AsyncSession, caller: Caller, key: str, body: bytes) -> UUID | None:
    """The run that this key was answered with within 24 hours; None: it is new, and locked until the commit.

    Raises: InvalidParameter when the key came with another body.
    """
    digest = hashlib.sha256(body).hexdigest()
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
    await session.execute(lock, {"key": f"{caller.user_id} {key}"})
    found = await session.get(IdempotencyKey, (caller.user_id, key))
    if found is None:
        return None
    if found.body_sha256 != digest:
        raise InvalidParameter(errors=[FieldFault("Idempotency-Key", "repeated")])
    return found.run_id


async def remember_run(session: AsyncSession, caller: Caller, key: str, body: bytes, run_id: UUID) -> None:
    """Answer this key with this run from now on."""
    values = {
        "user_id": caller.user_id,
        "key": key,
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "run_id": run_id,
    }
    await session.execute(insert(table(IdempotencyKey)).values(**values))


async def cancel_run(session: AsyncSession, caller: Caller, run_id: UUID) -> Run:
    """Cancel a run: what waits ends at once, what runs at its next step.

    Raises: NotFound, PermissionDenied, RunOver (409) when it has ended.
    """
    projects = await _projects_of(session, run_id)
    if not projects:
        raise NotFound
    require_members(caller, projects)
    status = (await lock_runs(session, [run_id])).get(run_id)
    if status is None:
        raise NotFound
    if status not in {"queued", "running", "cancelling"}:
        raise RunOver(status)
    await cancel_locked(session, run_id)
    log.info("run %s cancelled by user %d", run_id, caller.user_id)
    run = await session.get(Run, run_id, populate_existing=True)
    assert run is not None  # noqa: S101 (it is locked)
    return run


async def cancel_locked(session: AsyncSession, run_id: UUID, reason: str | None = None) -> None:
    """Cancel a run that is locked and open."""
    await session.execute(
        text("UPDATE run SET status = 'cancelling', reason = coalesce(:reason, reason) WHERE run_id = :run_id"),
        {"run_id": run_id, "reason": reason},
    )
    rows = (await session.execute(_OPEN_CASES, {"run_id": run_id})).all()
    verdict = CaseVerdict("cancelled")
    if rows:
        await end_cases(session, [End(run_id, row.position, row.data_row, None, verdict, "cancelled") for row in rows])
    wake_after_commit(session, "cancel")


async def _projects_of(session: AsyncSession, run_id: UUID) -> dict[int, int]:
    query = text("SELECT DISTINCT case_id, project_id FROM case_run WHERE run_id = :run_id")
    return {row.case_id: row.project_id for row in await session.execute(query, {"run_id": run_id})}


async def rerun(session: AsyncSession, caller: Caller, run_id: UUID, *, only_failed: bool) -> UUID:
    """Run the cases of an earlier run again, or those of them that did not pass.

    Raises: NotFound, InvalidParameter (nothing to run again, cases that are gone), PermissionDenied.
    """
    run = await session.get(Run, run_id)
    if run is None or run.trial:
        raise NotFound
    chosen = "AND status NOT IN ('passed', 'skipped')" if only_failed else ""
    query = text(f"""
        SELECT case_id FROM case_run WHERE run_id = :run_id {chosen} GROUP BY case_id, position ORDER BY position
    """)
    case_ids = list((await session.execute(query, {"run_id": run_id})).scalars())
    if not case_ids:
        raise InvalidParameter(errors=[FieldFault("only", "out_of_range")])
    request = RunRequest(
        case_ids=list(dict.fromkeys(case_ids)),
        environments={int(project_id): chosen["id"] for project_id, chosen in run.environments.items()},
        parallel=run.parallel,
        max_parallel=run.max_parallel,
        failed_stop=run.failed_stop,
        only_failed_log=run.only_failed_log,
    )
    return await request_run(session, caller, request, trigger="rerun", rerun_of=run_id)
