"""Reads over many runs: what to compare a case run with, and what has happened since a moment."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.executor.models import NO_ROW, CaseRun, StepResult
from services.executor.rules import header_differences, json_differences, volatile_paths
from services.executor.schemas import CaseDiff, StepDiff

_LAST_GREEN = text("""
    WITH earlier AS (
        SELECT run_id, position, data_row, starts, revision, finished_at FROM case_run
        WHERE case_id = :case_id AND run_id < :run_id AND data_row = :data_row AND finished_at IS NOT NULL
          AND coalesce(environment_id, 0) = :environment_id
        ORDER BY run_id DESC LIMIT 100
    )
    SELECT DISTINCT ON (path) path, run_id, revision, finished_at, detail FROM (
        SELECT r.path, e.run_id, e.revision, e.finished_at, r.detail
        FROM earlier e JOIN step_result r
          ON (r.run_id, r.position, r.data_row, r.start_no) = (e.run_id, e.position, e.data_row, e.starts)
        WHERE r.path = ANY(CAST(:paths AS text[])) AND r.status = 'passed'
          AND NOT r.log_dropped
        UNION ALL
        SELECT path, run_id, revision, finished_at, detail FROM green_step
        WHERE case_id = :case_id AND environment_id = :environment_id AND data_row = :data_row
          AND path = ANY(CAST(:paths AS text[])) AND run_id < :run_id
    ) AS green ORDER BY path, run_id DESC
""")


async def case_diff(session: AsyncSession, case: CaseRun, volatile: Sequence[str] = ()) -> CaseDiff:
    """The steps that did not pass against the last run in which each of them did.

    `volatile` are JSON paths (`$.items[*].at`) and names of headers whose differences mean nothing.
    """
    query = select(StepResult).where(
        col(StepResult.run_id) == case.run_id,
        col(StepResult.position) == case.position,
        col(StepResult.data_row) == case.data_row,
        col(StepResult.start_no) == case.starts,
        col(StepResult.case_try) == case.tries,
        col(StepResult.type) == "request",
        col(StepResult.status).in_(("failed", "error")),
    )
    broken = list(await session.exec(query.order_by(col(StepResult.seq))))
    key = {
        "case_id": case.case_id,
        "run_id": case.run_id,
        "data_row": case.data_row,
        "environment_id": case.environment_id or 0,
        "paths": [step.path for step in broken],
    }
    found = (await session.execute(_LAST_GREEN, key)).mappings()
    green = {row["path"]: row for row in found}
    row = None if case.data_row == NO_ROW else case.data_row
    return CaseDiff(
        run_id=case.run_id,
        case_id=case.case_id,
        row=row,
        steps=[_step_diff(step, green.get(step.path), row, volatile) for step in broken],
    )


def _step_diff(step: StepResult, green: Any, row: int | None, volatile: Sequence[str]) -> StepDiff:  # noqa: ANN401 (a row)
    now = orjson.loads(step.detail).get("response")
    before = orjson.loads(green["detail"]).get("response") if green else None
    diff = StepDiff(
        path=step.path,
        name=step.name,
        status=step.status,
        baseline=None,
        reason=None,
        http_status=None,
        headers=[],
        json_paths=[],
        body_changed=False,
    )
    if green is None:
        return diff.model_copy(update={"reason": "never_passed"})
    baseline = {name: green[name] for name in ("run_id", "revision", "finished_at")} | {"row": row}
    if not now or not before:
        return diff.model_validate({**diff.model_dump(), "baseline": baseline, "reason": "no_answer"})
    headers = {name.lower() for name in volatile}
    differences = _body_differences(before["body"], now["body"], volatile)
    status = {"before": before["status"], "now": now["status"]} if before["status"] != now["status"] else None
    return diff.model_validate(
        {
            **diff.model_dump(),
            "baseline": baseline,
            "http_status": status,
            "headers": [
                one for one in header_differences(before["headers"], now["headers"]) if one["name"] not in headers
            ],
            "json_paths": differences or [],
            "body_changed": before["body"] != now["body"] and not (volatile and differences == []),
        }
    )


def _body_differences(before: str, now: str, volatile: Sequence[str]) -> list[dict[str, object]] | None:
    """None: the bodies are not both JSON."""
    try:
        old, new = orjson.loads(before), orjson.loads(now)
    except orjson.JSONDecodeError:
        return None
    return json_differences(old, new, volatile_paths(path for path in volatile if path.startswith("$")))


async def step_of(session: AsyncSession, case: CaseRun, path: str) -> StepResult | None:
    """The last try of a step of a case run, by its path."""
    query = select(StepResult).where(
        col(StepResult.run_id) == case.run_id,
        col(StepResult.position) == case.position,
        col(StepResult.data_row) == case.data_row,
        col(StepResult.start_no) == case.starts,
        col(StepResult.path) == path,
    )
    return (await session.exec(query.order_by(col(StepResult.seq).desc()).limit(1))).first()


_OVER = text("""
    SELECT CAST(id AS uuid) FROM unnest(CAST(:run_ids AS uuid[])) AS id
    WHERE NOT EXISTS (SELECT 1 FROM run WHERE run_id = id AND finished_at IS NULL)
""")
_BEGUN = text("""
    SELECT run_id, position, data_row, case_id, name, status, starts, failure_class, pass_rate, duration_ms
    FROM case_run WHERE run_id = ANY(CAST(:run_ids AS uuid[])) AND starts > 0 ORDER BY run_id, position, data_row
""")
_NEW_STEPS = text("""
    SELECT r.run_id, r.position, r.data_row, r.start_no, r.seq, r.case_try, r.path, r.name, r.type, r.phase, r.status,
           r.failure_class, r.skip_reason, r.duration_ms
    FROM json_to_recordset(CAST(:rows AS json)) AS e (
        run_id uuid, position integer, data_row integer, start_no integer, seq integer)
    JOIN step_result r
      ON (r.run_id, r.position, r.data_row, r.start_no) = (e.run_id, e.position, e.data_row, e.start_no)
    WHERE r.seq > e.seq ORDER BY r.run_id, r.position, r.data_row, r.seq
""")


async def over(session: AsyncSession, run_ids: list[UUID]) -> set[UUID]:
    """Which of the runs have ended, or are not there any more."""
    return set((await session.execute(_OVER, {"run_ids": run_ids})).scalars())


async def begun_cases(session: AsyncSession, run_ids: list[UUID]) -> list[dict[str, Any]]:
    """Case runs that were started, in few words."""
    return [dict(row) for row in (await session.execute(_BEGUN, {"run_ids": run_ids})).mappings()]


async def new_steps(session: AsyncSession, seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Steps that ended after those already seen, {run_id, position, data_row, start_no, seq}."""
    rows = orjson.dumps(seen).decode()
    return [dict(row) for row in (await session.execute(_NEW_STEPS, {"rows": rows})).mappings()]
