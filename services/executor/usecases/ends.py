"""How case runs end: their own row, the run's counters, the next one in the queue, and the run when it was the last.

Lock order: run, then case run.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import JSON, text
from sqlmodel.ext.asyncio.session import AsyncSession

from caselang.judgement import CaseVerdict, judge_run, sum_rows
from contracts.executor import CaseCompleted, CaseOutcome, RunCompleted
from kit.db import wake_after_commit
from kit.outbox import publish
from services.executor.models import NO_ROW
from services.executor.rules import is_final

MAX_CASES_TOLD = 1000
MAX_FAILURES_TOLD = 50


@dataclass(frozen=True, slots=True)
class End:
    """How one case run is to end. `lease_token` must still be the row's; None: it must not be running."""

    run_id: UUID
    position: int
    data_row: int
    lease_token: UUID | None
    verdict: CaseVerdict
    status: str
    reason: str | None = None
    duration_ms: int | None = None
    """None: from its start by the database's clock."""
    tries: int = 1
    teardown_status: str | None = None
    first_failure: dict[str, Any] | None = None
    variables: bytes | None = None

    def row(self) -> dict[str, Any]:
        """As the statement takes it."""
        verdict = self.verdict
        return {
            "run_id": self.run_id,
            "position": self.position,
            "data_row": self.data_row,
            "lease_token": self.lease_token,
            "status": self.status,
            "reason": self.reason,
            "failure_class": None if self.status == "cancelled" else verdict.failure_class,
            "flaky": verdict.flaky,
            "duration_ms": self.duration_ms,
            "tries": self.tries,
            "steps_passed": verdict.steps_passed,
            "steps_failed": verdict.steps_failed,
            "steps_error": verdict.steps_error,
            "steps_skipped": verdict.steps_skipped,
            "steps_platform": verdict.steps_platform,
            "steps_total": verdict.steps_total,
            "pass_rate": verdict.pass_rate,
            "teardown_status": self.teardown_status,
            "first_failure": self.first_failure,
            "variables": None if self.variables is None else self.variables.decode(),
        }


_LOCK_RUNS = text(
    "SELECT run_id, status FROM run WHERE run_id = ANY(CAST(:run_ids AS uuid[])) ORDER BY run_id FOR UPDATE"
)
_END = text("""
    UPDATE case_run c SET
        status = e.status, reason = e.reason, failure_class = e.failure_class, flaky = e.flaky, tries = e.tries,
        duration_ms = coalesce(e.duration_ms, extract(epoch FROM clock_now() - c.started_at) * 1000, 0),
        steps_total = e.steps_total, steps_passed = e.steps_passed, steps_failed = e.steps_failed,
        steps_error = e.steps_error, steps_skipped = e.steps_skipped, steps_platform = e.steps_platform,
        pass_rate = e.pass_rate, teardown_status = e.teardown_status, first_failure = e.first_failure,
        variables = CAST(e.variables AS json),
        finished_at = clock_now(), lease_token = NULL, lease_until = NULL,
        baseline = (SELECT l.passed FROM last_result l
                    WHERE (l.case_id, l.environment_id, l.data_row)
                        = (c.case_id, coalesce(c.environment_id, 0), c.data_row))
    FROM json_to_recordset(CAST(:rows AS json)) AS e (
        run_id uuid, position integer, data_row integer, lease_token uuid, status text, reason text,
        failure_class text, flaky boolean, tries integer, duration_ms integer, steps_total integer,
        steps_passed integer, steps_failed integer, steps_error integer, steps_skipped integer,
        steps_platform integer, pass_rate double precision, teardown_status text, first_failure json,
        variables text)
    WHERE (c.run_id, c.position, c.data_row) = (e.run_id, e.position, e.data_row)
      AND c.lease_token IS NOT DISTINCT FROM e.lease_token AND c.status IN ('waiting', 'queued', 'running')
    RETURNING c.run_id, c.position, c.data_row, c.case_id, c.project_id, c.name, c.revision, c.status,
        coalesce(c.environment_id, 0) AS environment_id, c.failure_class, c.flaky, c.starts, c.steps_total,
        c.steps_passed, c.steps_failed, c.steps_error, c.steps_skipped, c.steps_platform, c.pass_rate, c.duration_ms,
        c.finished_at, c.first_failure, cardinality(c.locks) > 0 AS locked,
        (SELECT l.status FROM last_result l WHERE (l.case_id, l.environment_id, l.data_row)
            = (c.case_id, coalesce(c.environment_id, 0), c.data_row)) AS before
""").columns(first_failure=JSON)
_KEEP_LAST = text("""
    INSERT INTO last_result AS l (case_id, environment_id, data_row, run_id, status, failure_class, pass_rate,
                                  duration_ms, finished_at, passed)
    SELECT DISTINCT ON (e.case_id, e.environment_id, e.data_row)
           e.case_id, e.environment_id, e.data_row, e.run_id, e.status, e.failure_class, e.pass_rate, e.duration_ms,
           e.finished_at, CASE WHEN e.status = 'passed' THEN json_build_object(
               'run_id', e.run_id, 'revision', e.revision, 'finished_at', e.finished_at) END
    FROM json_to_recordset(CAST(:rows AS json)) AS e (
        case_id integer, environment_id integer, data_row integer, run_id uuid, revision integer, status text,
        failure_class text, pass_rate double precision, duration_ms integer, finished_at timestamptz)
    ORDER BY e.case_id, e.environment_id, e.data_row, e.run_id DESC
    ON CONFLICT (case_id, environment_id, data_row) DO UPDATE SET
        run_id = excluded.run_id, status = excluded.status, failure_class = excluded.failure_class,
        pass_rate = excluded.pass_rate, duration_ms = excluded.duration_ms, finished_at = excluded.finished_at,
        passed = coalesce(excluded.passed, l.passed)
""")
_COUNT = text("""
    UPDATE run r SET
        cases_done = r.cases_done + e.done, cases_passed = r.cases_passed + e.passed,
        cases_failed = r.cases_failed + e.failed, cases_error = r.cases_error + e.error,
        cases_skipped = r.cases_skipped + e.skipped, cases_cancelled = r.cases_cancelled + e.cancelled,
        cases_platform = r.cases_platform + e.platform,
        cases_new = r.cases_new + e.new, cases_recovered = r.cases_recovered + e.recovered,
        cases_flaky = r.cases_flaky + e.flaky, steps_passed = r.steps_passed + e.steps_passed,
        steps_failed = r.steps_failed + e.steps_failed, steps_error = r.steps_error + e.steps_error,
        steps_skipped = r.steps_skipped + e.steps_skipped
    FROM json_to_recordset(CAST(:rows AS json)) AS e (
        run_id uuid, done integer, passed integer, failed integer, error integer, skipped integer, cancelled integer,
        platform integer, new integer, recovered integer, flaky integer, steps_passed integer, steps_failed integer,
        steps_error integer, steps_skipped integer)
    WHERE r.run_id = e.run_id
    RETURNING r.run_id, r.status, r.cases_done = r.cases_total AS over, r.traceparent
""")
_QUEUE_NEXT = text("""
    UPDATE case_run c SET status = 'queued', queued_at = clock_now()
    FROM (SELECT w.* FROM json_to_recordset(CAST(:rows AS json)) AS e (run_id uuid, done integer)
          CROSS JOIN LATERAL (
              SELECT run_id, position, data_row FROM case_run
              WHERE run_id = e.run_id AND status = 'waiting' ORDER BY position, data_row LIMIT e.done) w) AS w
    WHERE (c.run_id, c.position, c.data_row) = (w.run_id, w.position, w.data_row) AND c.status = 'waiting'
    RETURNING 1
""")
_FREE_LOCKS = text("""
    WITH freed AS (DELETE FROM held_lock WHERE lease_token = ANY(CAST(:tokens AS uuid[])) RETURNING environment_id)
    UPDATE case_run SET not_before = NULL
    WHERE status = 'queued' AND locked_since IS NOT NULL AND environment_id IN (SELECT environment_id FROM freed)
""")
_CASES = text("""
    SELECT position, data_row, case_id, project_id, name, status, reason, failure_class, flaky, starts, steps_passed,
           steps_failed, steps_error, steps_skipped, steps_platform, coalesce(duration_ms, 0) AS duration_ms,
           first_failure
    FROM case_run WHERE run_id = :run_id ORDER BY position, data_row
""").columns(first_failure=JSON)
_CLOSE = text("""
    UPDATE run SET status = :status, reason = coalesce(reason, :reason), finished_at = clock_now()
    WHERE run_id = :run_id AND finished_at IS NULL RETURNING *
""")


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows for `json_to_recordset`."""
    return orjson.dumps(rows, default=str).decode()


async def lock_runs(session: AsyncSession, run_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Lock runs, in the order that everyone keeps; answers the status of each."""
    found = await session.execute(_LOCK_RUNS, {"run_ids": sorted(set(run_ids))})
    return {row.run_id: row.status for row in found}


async def free_locks(session: AsyncSession, tokens: Sequence[UUID]) -> None:
    """Give back the named locks of leases that are over, and let those try at once who wait for them."""
    await session.execute(_FREE_LOCKS, {"tokens": list(tokens)})
    wake_after_commit(session, "work")


async def end_cases(session: AsyncSession, ends: Sequence[End]) -> int:
    """End case runs whose runs are locked already: count them, queue the next, close the run after its last.

    Answers how many did end; one whose lease was lost did not, and nothing of it is written.
    """
    ended = (await session.execute(_END, {"rows": as_json([end.row() for end in ends])})).mappings().all()
    if not ended:
        return 0
    locked = {(row["run_id"], row["position"], row["data_row"]) for row in ended if row["locked"]}
    if tokens := [end.lease_token for end in ends if (end.run_id, end.position, end.data_row) in locked]:
        await free_locks(session, [token for token in tokens if token])
    counts: defaultdict[UUID, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in ended:
        _add(counts[row["run_id"]], row)
    rows = [{"run_id": run_id, **dict.fromkeys(_COUNTED, 0), **count} for run_id, count in counts.items()]
    runs = (await session.execute(_COUNT, {"rows": as_json(rows)})).mappings().all()
    trials = await _trials(session, list(counts))
    lasting = [dict(row) for row in ended if row["run_id"] not in trials and row["status"] != "cancelled"]
    if lasting:
        await session.execute(_KEEP_LAST, {"rows": as_json(lasting)})
    going = [row for row in rows if any(run["run_id"] == row["run_id"] and _goes_on(run) for run in runs)]
    if going and (await session.execute(_QUEUE_NEXT, {"rows": as_json(going)})).first() is not None:
        wake_after_commit(session, "work")
    traces = {run["run_id"]: run["traceparent"] for run in runs}
    told = [row for row in ended if row["run_id"] not in trials]
    await publish(session, *map(_completed, told), traces=[traces[row["run_id"]] for row in told])
    for run in runs:
        if run["over"]:
            await close_run(session, run["run_id"], cancelled=run["status"] == "cancelling")
    wake_after_commit(session, "progress")
    return len(ended)


_COUNTED = (
    "done", "passed", "failed", "error", "skipped", "cancelled", "platform", "new", "recovered", "flaky",
    "steps_passed", "steps_failed", "steps_error", "steps_skipped",
)  # fmt: skip


def _goes_on(run: Any) -> bool:  # noqa: ANN401 (a row)
    return not run["over"] and run["status"] != "cancelling"


def _add(count: defaultdict[str, int], row: Any) -> None:  # noqa: ANN401 (a row)
    count["done"] += 1
    count[row["status"]] += 1
    count["platform"] += row["status"] == "error" and row["failure_class"] == "platform"
    count["new"] += row["status"] in {"failed", "error"} and row["before"] == "passed"
    count["recovered"] += row["status"] == "passed" and row["before"] in {"failed", "error"}
    count["flaky"] += row["flaky"]
    for name in ("steps_passed", "steps_failed", "steps_skipped"):
        count[name] += row[name]
    count["steps_error"] += row["steps_error"] - row["steps_platform"]


async def _trials(session: AsyncSession, run_ids: list[UUID]) -> set[UUID]:
    query = text("SELECT run_id FROM run WHERE run_id = ANY(CAST(:run_ids AS uuid[])) AND trial")
    return set((await session.execute(query, {"run_ids": run_ids})).scalars())


def _completed(row: Any) -> CaseCompleted:  # noqa: ANN401 (a row)
    data_row = None if row["data_row"] == NO_ROW else row["data_row"]
    names = CaseOutcome.model_fields.keys()
    return CaseCompleted(run_id=row["run_id"], row=data_row, **{name: row[name] for name in names})


async def close_run(session: AsyncSession, run_id: UUID, *, cancelled: bool = False) -> None:
    """End a run of which every case run has ended: judge it and state it."""
    cases = await _cases(session, run_id)
    verdict = judge_run([judged for _, judged in cases], cancelled=cancelled)
    closing = {"run_id": run_id, "status": verdict.status, "reason": verdict.reason}
    run = (await session.execute(_CLOSE, closing)).mappings().first()
    if run is not None and not run["trial"]:
        await publish(session, _run_completed(run, cases), traces=[run["traceparent"]])


async def run_state(session: AsyncSession, run_id: UUID) -> dict[str, Any] | None:
    """How a run stands, with its `run.completed` if it has ended; None: there is none."""
    run = (
        (await session.execute(text("SELECT * FROM run WHERE run_id = :run_id"), {"run_id": run_id})).mappings().first()
    )
    if run is None:
        return None
    completed = _run_completed(run, await _cases(session, run_id)) if run["finished_at"] else None
    return {
        "run_id": str(run_id),
        "status": run["status"],
        "final": completed.final if completed else False,
        "completed": completed.model_dump(mode="json") if completed else None,
    }


async def _cases(session: AsyncSession, run_id: UUID) -> list[tuple[Any, CaseVerdict]]:
    rows = (await session.execute(_CASES, {"run_id": run_id})).mappings()
    return [(row, _verdict(row)) for row in rows]


def _run_completed(run: Any, cases: Sequence[tuple[Any, CaseVerdict]]) -> RunCompleted:  # noqa: ANN401 (a row)
    verdict = judge_run([judged for _, judged in cases])
    by_position: defaultdict[int, list[tuple[Any, CaseVerdict]]] = defaultdict(list)
    for row, judged in cases:
        by_position[row["position"]].append((row, judged))
    return RunCompleted(
        **{name: run[name] for name in RunCompleted.model_fields if name in run},
        final=is_final(run["status"], run["attempt"], run["max_attempts"]),
        pass_rate=verdict.pass_rate,
        step_pass_rate=verdict.step_pass_rate,
        cases=_told([_outcome(pairs) for pairs in by_position.values()]),
        report_path=report_path(run["run_id"]),
    )


def report_path(run_id: UUID) -> str:
    """Where people find the report, under the platform's public URL."""
    return f"/console/runs/{run_id}"


def _verdict(row: Any) -> CaseVerdict:  # noqa: ANN401 (a row)
    return CaseVerdict(
        status=row["status"],
        failure_class=row["failure_class"],
        reason=row["reason"],
        flaky=row["flaky"],
        steps_passed=row["steps_passed"],
        steps_failed=row["steps_failed"],
        steps_error=row["steps_error"],
        steps_skipped=row["steps_skipped"],
        steps_platform=row["steps_platform"],
    )


def _told(outcomes: list[CaseOutcome]) -> list[CaseOutcome]:
    """Of many cases only so many are told, and fewer tell where they broke: the event has a limit."""
    if len(outcomes) > MAX_CASES_TOLD:
        first = sorted(range(len(outcomes)), key=lambda n: outcomes[n].status not in {"failed", "error"})
        outcomes = [outcomes[n] for n in sorted(first[:MAX_CASES_TOLD])]
    told = [outcome for outcome in outcomes if outcome.first_failure][:MAX_FAILURES_TOLD]
    return [outcome if outcome in told else outcome.model_copy(update={"first_failure": None}) for outcome in outcomes]


def _outcome(pairs: Sequence[tuple[Any, CaseVerdict]]) -> CaseOutcome:
    rows, judged = [row for row, _ in pairs], [verdict for _, verdict in pairs if verdict.status != "cancelled"]
    summed = sum_rows(judged) if judged else CaseVerdict("cancelled")
    return CaseOutcome(
        case_id=rows[0]["case_id"],
        name=rows[0]["name"],
        project_id=rows[0]["project_id"],
        status=cast("Any", summed.status),
        failure_class=cast("Any", summed.failure_class),
        flaky=summed.flaky,
        starts=max(row["starts"] for row in rows),
        steps_total=summed.steps_total,
        steps_passed=summed.steps_passed,
        steps_failed=summed.steps_failed,
        steps_error=summed.steps_error,
        steps_skipped=summed.steps_skipped,
        pass_rate=summed.pass_rate,
        duration_ms=sum(row["duration_ms"] for row in rows),
        first_failure=next((row["first_failure"] for row in rows if row["first_failure"]), None),
    )
