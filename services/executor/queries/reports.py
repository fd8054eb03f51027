"""Reads of runs and their reports."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, SQLColumnExpression, func, text
from sqlalchemy.orm import defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from caselang.judgement import pass_rate
from kit import clock
from kit.errors import NotFound
from kit.partitions import first_uuid7
from services.executor.models import NO_ROW, CaseDefinition, CaseRun, KnownProject, LastResult, Run, StepResult
from services.executor.rules import is_final
from services.executor.schemas import CaseReport, CaseRunRead, RunListed, RunRead
from services.executor.settings import executor_settings

OPEN = frozenset({"queued", "running", "cancelling"})


@dataclass(frozen=True)
class RunFilter:
    """Which runs a list shows."""

    task_id: int | None = None
    case_id: int | None = None
    project_id: int | None = None
    status: str | None = None
    trigger: str | None = None
    owner_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL."""
        found: list[Any] = [~col(Run.trial)]
        for column, value in ((Run.task_id, self.task_id), (Run.status, self.status), (Run.trigger, self.trigger)):
            if value is not None:
                found.append(col(column).between(value, value))  # not `=`, see `leading`
        if self.project_id is not None:
            found.append(col(Run.project_ids).contains([self.project_id]))
        if self.owner_id is not None:
            found.append(col(Run.owner_ids).contains([self.owner_id]))
        if self.since is not None:
            found.append(col(Run.run_id) >= first_uuid7(self.since))
        if self.until is not None:
            found.append(col(Run.run_id) < first_uuid7(self.until))
        return found

    def leading(self) -> SQLColumnExpression[Any] | None:
        """The column whose index has the runs of the narrowest filter in their order; None: there is none.

        The list is ordered by it and the run's id. Held to a value by `=` it would be no part of the order for
        PostgreSQL, which would then rather walk through all runs by their id to find the few that are wanted.
        """
        if self.task_id is not None:
            return col(Run.task_id)
        if self.has_no_order():
            return None
        return col(Run.status) if self.status is not None else col(Run.trigger) if self.trigger is not None else None

    def has_no_order(self) -> bool:
        """Whether the narrowest filter has an index without an order: all that it finds would be read to be sorted."""
        arrays = self.project_id is not None or self.owner_id is not None
        return arrays and self.task_id is None and self.case_id is None


SPANS = (timedelta(days=1), timedelta(days=8))
"""Back from where a page begins, how much is searched before all: what is newest is in few partitions."""


async def runs(
    session: AsyncSession, wanted: RunFilter, before: UUID | None, limit: int
) -> tuple[list[RunListed], str | None]:
    """Runs, newest first, and the cursor of what follows."""
    found: list[Run] = []
    for oldest in await _oldest_of_searches(session, wanted, before):
        found = list(await session.exec(_page(wanted, before, oldest).limit(limit + 1)))
        if len(found) > limit:
            break
    page = found[:limit]
    listed = [
        RunListed(**_run(run), new=run.cases_new, recovered=run.cases_recovered, flaky=run.cases_flaky) for run in page
    ]
    return listed, str(page[-1].run_id) if len(found) > limit else None


async def _oldest_of_searches(session: AsyncSession, wanted: RunFilter, before: UUID | None) -> list[UUID | None]:
    """How far back one search after the other goes, until one has found enough; None: through everything."""
    if not wanted.has_no_order():
        return [None]
    newest = await clock.now(session)
    if before is not None:
        newest = datetime.fromtimestamp(min((before.int >> 80) / 1000, newest.timestamp()), UTC)
    return [*(first_uuid7(newest - span) for span in SPANS), None]


def _page(wanted: RunFilter, before: UUID | None, oldest: UUID | None) -> SelectOfScalar[Run]:
    """The runs of a filter, newest first, that come before one run and not before another."""
    query, leading = select(Run), wanted.leading()
    run_id: SQLColumnExpression[Any] = col(Run.run_id)
    if wanted.case_id is not None:
        case_id = col(CaseRun.case_id)
        of_case = select(CaseRun.case_id, CaseRun.run_id).where(case_id.between(wanted.case_id, wanted.case_id))
        if before is not None:
            of_case = of_case.where(col(CaseRun.run_id) < before)
        of_case = of_case.distinct().order_by(case_id.desc(), col(CaseRun.run_id).desc())
        listed = of_case.subquery()
        query = query.join(listed, listed.c.run_id == run_id)
        leading, run_id = listed.c.case_id, listed.c.run_id
    query = query.where(*wanted.conditions())
    if before is not None:
        query = query.where(col(Run.run_id) < before)
    if oldest is not None:
        query = query.where(col(Run.run_id) >= oldest)
    return query.order_by(*(column.desc() for column in (leading, run_id) if column is not None))


def _run(run: Run) -> dict[str, Any]:
    over = run.status not in OPEN
    begun = run.started_at or run.finished_at
    duration = run.finished_at - begun if run.finished_at and begun else None
    return {
        **run.model_dump(),
        "final": over and is_final(run.status, run.attempt, run.max_attempts),
        "duration_ms": int(duration.total_seconds() * 1000) if duration is not None else None,
        "pass_rate": pass_rate(run.cases_passed, run.cases_failed, run.cases_error - run.cases_platform),
        "step_pass_rate": pass_rate(run.steps_passed, run.steps_failed, run.steps_error),
    }


async def run_report(session: AsyncSession, run_id: UUID) -> tuple[Run, RunRead] | None:
    """A run with its case runs; None: there is none."""
    run = await session.get(Run, run_id)
    if run is None:
        return None
    light = defer(CaseRun.variables, raiseload=True)
    query = select(CaseRun).where(col(CaseRun.run_id) == run_id).options(light)
    cases = list(await session.exec(query.order_by(col(CaseRun.position), col(CaseRun.data_row))))
    names = await _project_names(session, {case.project_id for case in cases})
    read = [CaseRunRead(**_case(case, names)) for case in cases]
    return run, RunRead(**_run(run), ends_by=_ends_by(run, cases), cases=read)


def _ends_by(run: Run, cases: Sequence[CaseRun]) -> datetime | None:
    """When an open run has ended at the latest: what runs has a deadline of its own, what waits only the run's."""
    if run.status not in OPEN:
        return None
    at_last = run.created_at + timedelta(seconds=executor_settings().run_timeout_seconds)
    deadlines = [case.deadline_at for case in cases if case.status == "running" and case.deadline_at is not None]
    waits = any(case.status in {"queued", "waiting"} for case in cases)
    return min(at_last, max(deadlines)) if deadlines and not waits else at_last


async def _project_names(session: AsyncSession, ids: set[int]) -> dict[int, str]:
    query = select(KnownProject.id, KnownProject.name).where(col(KnownProject.id).in_(ids))
    return dict((await session.exec(query)).all())


def _row(data_row: int) -> int | None:
    return None if data_row == NO_ROW else data_row


def _case(case: CaseRun, names: dict[int, str]) -> dict[str, Any]:
    row = _row(case.data_row)
    return {
        **case.model_dump(exclude={"variables"}),
        "row": row,
        "project": {"id": case.project_id, "name": names.get(case.project_id)},
        "baseline": {**case.baseline, "row": row} if case.baseline else None,
    }


async def case_runs(session: AsyncSession, run_id: UUID, case_id: int) -> Sequence[CaseRun]:
    """The case runs of a case in a run, in the order of its data rows."""
    query = select(CaseRun).where(col(CaseRun.run_id) == run_id, col(CaseRun.case_id) == case_id)
    return (await session.exec(query.order_by(col(CaseRun.data_row)))).all()


async def case_report(session: AsyncSession, case: CaseRun, after: int, limit: int) -> CaseReport:
    """A case run with its definition, its variables and a page of its steps."""
    names = await _project_names(session, {case.project_id})
    definition = await session.get(CaseDefinition, (case.run_id, case.position))
    query = _steps_of(case, StepResult).where(col(StepResult.seq) > after)
    found = list(await session.exec(query.limit(limit + 1)))
    return CaseReport(
        **_case(case, names),
        definition={**definition.document, "called": definition.called} if definition else None,
        variables=case.variables or [],
        steps=[step_body(step) for step in found[:limit]],
        purged=case.finished_at is not None and case.steps_total > 0 and definition is None,
        next_cursor=(str(found[limit - 1].seq) if limit else "0") if len(found) > limit else None,
    )


def _steps_of(case: CaseRun, what: Any) -> Any:  # noqa: ANN401 (a column or a table, and a query of it)
    """The steps of a case run's last start, in their order."""
    return (
        select(what)
        .where(
            col(StepResult.run_id) == case.run_id,
            col(StepResult.position) == case.position,
            col(StepResult.data_row) == case.data_row,
            col(StepResult.start_no) == case.starts,
        )
        .order_by(col(StepResult.seq))
    )


MAX_EXPORTED_STEPS = 20_000


MAX_EXPORTED_BYTES = 50_000_000
"""Of requests, answers and judgements in an exported file, so that no report can fill the memory."""


async def whole_report(session: AsyncSession, run_id: UUID) -> tuple[RunRead, list[CaseReport]]:
    """A run with the steps of all its case runs, as many as a file has room for. Raises: NotFound.

    A case run whose steps are not all there has a `next_cursor`.
    """
    found = await run_report(session, run_id)
    if found is None:
        raise NotFound
    query = select(CaseRun).where(col(CaseRun.run_id) == run_id)
    cases, steps_left, bytes_left = [], MAX_EXPORTED_STEPS, MAX_EXPORTED_BYTES
    for case in (await session.exec(query.order_by(col(CaseRun.position), col(CaseRun.data_row)))).all():
        sizes = list(await session.exec(_steps_of(case, func.octet_length(StepResult.detail)).limit(steps_left)))
        fitting = sum(total <= bytes_left for total in itertools.accumulate(sizes))
        cases.append(await case_report(session, case, 0, fitting))
        steps_left -= fitting
        bytes_left -= sum(sizes[:fitting])
    return found[1], cases


_STEP = (
    "seq", "path", "name", "type", "phase", "iteration", "status", "failure_class", "error", "skip_reason", "case_try",
    "tries", "flaky", "started_at", "duration_ms", "log_dropped",
)  # fmt: skip
_DETAIL: dict[str, Any] = {"request": None, "response": None, "timings_ms": None, "asserts": [], "captures": []}


def step_body(step: StepResult) -> dict[str, Any]:
    """A step as reports show it."""
    return {**{name: getattr(step, name) for name in _STEP}, **_DETAIL, **orjson.loads(step.detail)}


async def last_results(session: AsyncSession, case_ids: Sequence[int]) -> list[dict[str, Any]]:
    """How cases ended last, by case, the newest first."""
    query = select(LastResult).where(col(LastResult.case_id).in_(case_ids))
    found = await session.exec(query.order_by(col(LastResult.case_id), col(LastResult.finished_at).desc()))
    return [_last(one.model_dump()) for one in found]


_LAST_OF_PROJECT = text("""
    SELECT * FROM (
        SELECT DISTINCT ON (l.case_id) l.* FROM known_case c JOIN last_result l ON l.case_id = c.id
        WHERE c.project_id = :project_id AND NOT c.deleted ORDER BY l.case_id, l.finished_at DESC
    ) AS newest WHERE status = :status ORDER BY finished_at DESC, case_id LIMIT 500
""")


async def last_results_of_project(session: AsyncSession, project_id: int, status: str) -> list[dict[str, Any]]:
    """The newest result of each case of a project that ended so last, the newest first; at most 500."""
    found = await session.execute(_LAST_OF_PROJECT, {"project_id": project_id, "status": status})
    return [_last(dict(one)) for one in found.mappings()]


def _last(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "environment_id": one["environment_id"] or None, "row": _row(one["data_row"])}


_WORKERS = text("""
    SELECT w.worker_id, w.capacity, w.started_at, w.seen_at, count(c.run_id) AS case_runs,
           CASE WHEN w.seen_at > clock_now() - make_interval(secs => :lease_seconds) THEN 'alive' ELSE 'silent' END
               AS state
    FROM worker w LEFT JOIN case_run c ON c.worker_id = w.worker_id AND c.status = 'running'
    GROUP BY w.worker_id ORDER BY w.worker_id
""")
_QUEUE = text("SELECT count(*) AS queued, min(queued_at) AS oldest_queued_at FROM case_run WHERE status = 'queued'")


async def workers(session: AsyncSession) -> dict[str, Any]:
    """Which workers there are, silent ones included, and how many case runs wait since when."""
    seen = (await session.execute(_WORKERS, {"lease_seconds": executor_settings().lease_seconds})).mappings().all()
    queue = (await session.execute(_QUEUE)).mappings().one()
    return {"workers": [dict(worker) for worker in seen], **queue}


async def projects_of(session: AsyncSession, run_id: UUID) -> set[int]:
    """The projects of a run's cases."""
    query = select(CaseRun.project_id).where(col(CaseRun.run_id) == run_id).distinct()
    return set(await session.exec(query))


async def require_visible(session: AsyncSession, run_id: UUID, user_id: int) -> None:
    """Raises: NotFound when there is no such run, or it tries a document of somebody else."""
    query = select(Run.trial, Run.requested_by).where(col(Run.run_id) == run_id)
    found = (await session.exec(query)).first()
    if found is None or (found[0] and found[1] != user_id):
        raise NotFound
