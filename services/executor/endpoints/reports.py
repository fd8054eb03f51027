"""Reports: whoever is logged in may read them."""

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import AwareDatetime, Field

from kit.errors import FieldFault, InvalidParameter, MissingParameter, NotFound
from kit.http import listed_ids
from kit.settings import settings
from kit.tables import MAX_ID
from services.executor.db import Caller, Reader, Session
from services.executor.endpoints import exports
from services.executor.errors import RowRequired
from services.executor.models import NO_ROW, CaseRun
from services.executor.queries import history, reports
from services.executor.queries import trends as queries
from services.executor.schemas import (
    CaseDiff,
    CaseId,
    CaseReport,
    Id,
    JudgeAgain,
    JudgedAgain,
    LastResult,
    LastResults,
    ProjectRates,
    RunExport,
    RunPage,
    RunRead,
    RunStatus,
    Trends,
    Trigger,
    WorkersRead,
)
from services.executor.usecases import trials

router = APIRouter(prefix="/runs", tags=["reports"])
Limit = Annotated[int, Query(ge=1, le=200)]
Volatile = Annotated[
    Sequence[Annotated[str, Field(min_length=1, max_length=200)]],
    Query(max_length=50, description="A JSON path (`$.items[*].at`, with all below it) or the name of a header."),
]
MAX_LISTED = 200
"""Ids in one parameter."""
PathCaseId = Annotated[CaseId, Path()]
Row = Annotated[int | None, Query(ge=0, le=MAX_ID, description="Data row, from 0; required where the case has some.")]


@router.get("", summary="List runs")
async def list_runs(  # noqa: PLR0913, PLR0917 (the filters of a list)
    caller: Caller,
    session: Session,
    task_id: Annotated[Id | None, Query()] = None,
    case_id: Annotated[Id | None, Query()] = None,
    project_id: Annotated[Id | None, Query()] = None,
    status: RunStatus | None = None,
    trigger: Trigger | None = None,
    owner: Annotated[Literal["me"] | None, Query(description="Runs of tasks that the caller answers for.")] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: UUID | None = None,
    limit: Limit = 20,
) -> RunPage:
    """Runs, newest first."""
    wanted = reports.RunFilter(
        task_id=task_id,
        case_id=case_id,
        project_id=project_id,
        status=status,
        trigger=trigger,
        owner_id=caller.user_id if owner else None,
        since=since,
        until=until,
    )
    data, following = await reports.runs(session, wanted, cursor, limit)
    return RunPage(data=data, next_cursor=following)


@router.get("/last", summary="Last results of cases")
async def last_results(
    _: Caller,
    session: Session,
    case_ids: str | None = None,
    project_id: Annotated[Id | None, Query()] = None,
    status: Annotated[
        Literal["passed", "failed", "error"] | None, Query(description="Goes with `project_id`, and only with it.")
    ] = None,
) -> LastResults:
    """Each case's last result per environment and data row; `case_ids` is a comma-separated list of at most 200.

    With `project_id` and `status` in its place: the newest result of each case of the project that ended so last, the
    newest first; at most 500.
    """
    if case_ids is not None:
        if project_id is not None or status is not None:
            raise InvalidParameter(
                errors=[FieldFault("status" if project_id is None else "project_id", "unknown_field")]
            )
        found = await reports.last_results(session, listed_ids("case_ids", case_ids, MAX_LISTED))
    elif project_id is None or status is None:
        raise MissingParameter(errors=[FieldFault("case_ids" if project_id is None else "status", "missing")])
    else:
        found = await reports.last_results_of_project(session, project_id, status)
    return LastResults(data=[LastResult(**one) for one in found])


@router.get("/rates", summary="Pass rates of projects")
async def project_rates(
    _: Caller, session: Session, project_ids: str, days: Annotated[int, Query(ge=1, le=366)] = 7
) -> ProjectRates:
    """Each project's runs of the last days, today included; `project_ids` is a comma-separated list of at most 200."""
    zone = ZoneInfo(settings().timezone)
    return ProjectRates(
        data=await queries.project_rates(session, listed_ids("project_ids", project_ids, MAX_LISTED), days, zone)
    )


@router.get("/workers", summary="Workers and queue")
async def workers(_: Caller, session: Session) -> WorkersRead:
    """Workers, those silent for less than an hour included; how many case runs are queued, and since when."""
    return WorkersRead(**await reports.workers(session))


@router.get("/trends", summary="Results day by day")
async def trends(
    _: Caller,
    session: Session,
    case_id: Annotated[Id | None, Query()] = None,
    task_id: Annotated[Id | None, Query()] = None,
    project_id: Annotated[Id | None, Query()] = None,
    environment_id: Annotated[CaseId | None, Query(description="Of a case; 0: runs without one.")] = None,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
) -> Trends:
    """Pass rate, durations and flakiness per day, today included, of exactly one of a case, a task or a project."""
    given = {"case_id": case_id, "task_id": task_id, "project_id": project_id}
    chosen = {name: id_ for name, id_ in given.items() if id_ is not None}
    if not chosen:
        raise MissingParameter(errors=[FieldFault("case_id", "missing")])
    if len(chosen) > 1:
        raise InvalidParameter(errors=[FieldFault(name, "unknown_field") for name in list(chosen)[1:]])
    by, id_ = next(iter(chosen.items()))
    if environment_id is not None and by != "case_id":
        raise InvalidParameter(errors=[FieldFault("environment_id", "unknown_field")])
    kind, zone = by.removesuffix("_id"), ZoneInfo(settings().timezone)
    return Trends(data=await queries.trends(session, kind, id_, environment_id, days, zone))


@router.get("/{run_id}", summary="Report of a run")
async def run_report(run_id: UUID, caller: Caller, session: Session) -> RunRead:
    """A run with its cases, counts and pass rates. A tried document is shown to its author only."""
    found = await reports.run_report(session, run_id)
    if found is None or (found[0].trial and found[0].requested_by != caller.user_id):
        raise NotFound
    return found[1]


@router.get("/{run_id}/cases/{case_id}", summary="Report of a case")
async def case_report(
    run_id: UUID,
    case_id: PathCaseId,
    caller: Caller,
    session: Session,
    row: Row = None,
    cursor: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
    limit: Limit = 100,
) -> CaseReport:
    """A case of a run with its steps: request, response, assertions with expected and actual, captures, times."""
    case = await _case_run(session, caller, run_id, case_id, row)
    return await reports.case_report(session, case, cursor, limit)


async def _case_run(session: Session, caller: Caller, run_id: UUID, case_id: int, row: int | None) -> CaseRun:
    await reports.require_visible(session, run_id, caller.user_id)
    found = await reports.case_runs(session, run_id, case_id)
    if not found:
        raise NotFound
    if row is None and found[0].data_row != NO_ROW:
        raise RowRequired
    case = next((one for one in found if one.data_row == (NO_ROW if row is None else row)), None)
    if case is None:
        raise NotFound
    return case


@router.get("/{run_id}/cases/{case_id}/diff", summary="Differences from the last green run")
async def case_diff(
    run_id: UUID,
    case_id: PathCaseId,
    caller: Caller,
    session: Session,
    row: Row = None,
    volatile: Volatile = (),
) -> CaseDiff:
    """The steps that did not pass against the last run in which each of them did: status, headers, JSON paths.

    What is named `volatile` is left out: it differs each time, and that means nothing.
    """
    return await history.case_diff(session, await _case_run(session, caller, run_id, case_id, row), volatile)


@router.get(
    "/{run_id}/cases/{case_id}/steps/{path}/body",
    summary="A kept body",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, 206: {"description": "The range that was asked for."}},
)
async def step_body(
    run_id: UUID,
    case_id: PathCaseId,
    path: str,
    caller: Caller,
    session: Session,
    side: Literal["request", "response"] = "response",
    row: Row = None,
    wanted: Annotated[str | None, Header(alias="Range")] = None,
) -> Response:
    """What was kept of a request's or a response's body (64 KiB at most), as plain text, by `Range` if wanted."""
    case = await _case_run(session, caller, run_id, case_id, row)
    step = await history.step_of(session, case, path)
    kept = reports.step_body(step)[side] if step else None
    if kept is None:
        raise NotFound
    body = kept["body"].encode()
    first, last = _range(wanted, len(body))
    headers = {"Accept-Ranges": "bytes"}
    if wanted is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    return Response(body[first : last + 1], 206 if wanted else 200, headers, "text/plain; charset=utf-8")


def _range(wanted: str | None, length: int) -> tuple[int, int]:
    """First and last byte of a `Range` header. Raises: InvalidParameter when there is no such single range."""
    if wanted is None:
        return 0, length - 1
    found = re.fullmatch(r"bytes=([0-9]{0,9})-([0-9]{0,9})", wanted.strip())
    if found is None or found[0] == "bytes=-":
        raise InvalidParameter(errors=[FieldFault("Range", "bad_format")])
    first, last = (int(found[1]), int(found[2] or length - 1)) if found[1] else (max(length - int(found[2]), 0), length)
    last = min(last, length - 1)
    if first > last:
        raise InvalidParameter(errors=[FieldFault("Range", "out_of_range")])
    return first, last


@router.post("/judge", summary="Judge a kept answer again")
async def judge_again(asked: JudgeAgain, caller: Reader, session: Session) -> JudgedAgain:
    """Hold other captures and assertions against the kept answer of a step; no call is made, nothing is stored."""
    case = await _case_run(session, caller, asked.run_id, asked.case_id, asked.row)
    step = await history.step_of(session, case, asked.step_path)
    if step is None:
        raise NotFound
    judged, truncated = await trials.judge_again(asked.step, step, case)
    return JudgedAgain(
        status=judged.status,
        failure_class=judged.failure_class,
        error=judged.error,
        asserts=[one.report() for one in judged.asserts],
        captures=[one.report() for one in judged.captures],
        truncated=truncated,
    )


@router.get(
    "/{run_id}/export",
    summary="Export a report",
    response_class=Response,
    responses={200: {"model": RunExport, "content": {"application/xml": {}, "text/html": {}}}},
)
async def export_run(
    run_id: UUID, caller: Caller, session: Session, wanted: Annotated[exports.Format, Query(alias="format")] = "json"
) -> Response:
    """The whole report as one file: JSON with every step, JUnit XML or CTRF for CI, or a page of HTML that loads
    nothing. What has no room in 50 MB is left out, and the case says so.
    """
    await reports.require_visible(session, run_id, caller.user_id)
    report, cases = await reports.whole_report(session, run_id)
    body, media_type = await asyncio.to_thread(exports.render, report, cases, wanted)
    name = f"run-{run_id}.{exports.SUFFIXES.get(wanted, wanted)}"
    return Response(body, headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=media_type)
