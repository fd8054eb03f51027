"""Writing what a worker has done: one transaction for all results and ends of the last moments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.db import wake_after_commit
from services.executor.usecases.ends import End, as_json, end_cases, lock_runs

_LIVE = text("""
    SELECT lease_token FROM case_run
    WHERE run_id = ANY(CAST(:run_ids AS uuid[])) AND status = 'running' AND lease_token = ANY(CAST(:tokens AS uuid[]))
""")
_FORGET = text("""
    DELETE FROM step_result r USING json_to_recordset(CAST(:rows AS json)) AS e (
        run_id uuid, position integer, data_row integer, start_no integer, seq integer)
    WHERE (r.run_id, r.position, r.data_row, r.start_no, r.seq) = (e.run_id, e.position, e.data_row, e.start_no, e.seq)
""")
_KEEP_GREEN = text("""
    INSERT INTO green_step (case_id, environment_id, data_row, path, run_id, revision, finished_at, detail)
    VALUES (:case_id, :environment_id, :data_row, :path, :run_id, :revision, clock_now(), :detail)
    ON CONFLICT (case_id, environment_id, data_row, path) DO UPDATE SET
        run_id = excluded.run_id, revision = excluded.revision, finished_at = excluded.finished_at,
        detail = excluded.detail
""")
_KEY = ("run_id", "position", "data_row", "start_no")
_REPORTED = (
    "seq", "case_try", "path", "name", "type", "phase", "iteration", "status", "failure_class", "error", "skip_reason",
    "tries", "flaky", "started_at", "duration_ms", "log_dropped", "detail",
)  # fmt: skip


@dataclass(slots=True)
class Result:
    """A step's report with the case run and the start that it belongs to."""

    run_id: UUID
    position: int
    data_row: int
    start_no: int
    lease_token: UUID
    case_id: int
    environment_id: int
    revision: int
    report: Any
    """A `StepReport` of the runner."""

    def record(self) -> tuple[Any, ...]:
        """As COPY takes it."""
        return (*(getattr(self, name) for name in _KEY), *(getattr(self.report, name) for name in _REPORTED))


async def write_group(session: AsyncSession, results: Sequence[Result], ends: Sequence[End], *, again: bool) -> None:
    """Store step results, then end case runs. Of a lease that was lost nothing is written.

    `again`: an earlier try may have been committed although its answer was lost.
    """
    if ends:
        await lock_runs(session, [end.run_id for end in ends])
    tokens = {result.lease_token for result in results}
    run_ids = {result.run_id for result in results}
    found = await session.execute(_LIVE, {"run_ids": list(run_ids), "tokens": list(tokens)})
    live = set(found.scalars())
    kept = [result for result in results if result.lease_token in live]
    if kept:
        await _copy(session, kept, again=again)
        wake_after_commit(session, "progress")
    if ends:
        await end_cases(session, ends)


async def _copy(session: AsyncSession, results: Sequence[Result], *, again: bool) -> None:
    if again:
        rows = [{**{name: getattr(one, name) for name in _KEY}, "seq": one.report.seq} for one in results]
        await session.execute(_FORGET, {"rows": as_json(rows)})
    connection = await (await session.connection()).get_raw_connection()
    assert connection.driver_connection is not None  # noqa: S101 (the session has used it)
    await connection.driver_connection.copy_records_to_table(
        "step_result", records=[result.record() for result in results], columns=[*_KEY, *_REPORTED]
    )
    green = {
        (result.case_id, result.environment_id, result.data_row, result.report.path): {
            "case_id": result.case_id,
            "environment_id": result.environment_id,
            "data_row": result.data_row,
            "path": result.report.path,
            "run_id": result.run_id,
            "revision": result.revision,
            "detail": result.report.green,
        }
        for result in results
        if result.report.green is not None
    }
    if green:
        await session.execute(_KEEP_GREEN, [green[key] for key in sorted(green)])
