"""Reports: whoever is logged in may read them."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from kit.errors import FieldFault, InvalidParameter, NotFound
from services.executor.db import Caller, Session
from services.executor.errors import RowRequired
from services.executor.models import NO_ROW
from services.executor.queries import reports
from services.executor.schemas import (
    CaseReport,
    LastResult,
    LastResults,
    RunPage,
    RunRead,
    RunStatus,
    Trigger,
    WorkersRead,
)

router = APIRouter(prefix="/runs", tags=["reports"])
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("", summary="List runs")
async def list_runs(  # noqa: PLR0913, PLR0917 (the filters of a list)
    caller: Caller,
    session: Session,
    task_id: int | None = None,
    case_id: int | None = None,
    project_id: int | None = None,
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
async def last_results(_: Caller, session: Session, case_ids: str) -> LastResults:
    """Each case's last result per environment and data row; `case_ids` is a comma-separated list of at most 200."""
    parts = case_ids.split(",")
    if len(parts) > 200 or not all(part.strip().isdigit() and len(part) < 12 for part in parts):  # noqa: PLR2004
        raise InvalidParameter(errors=[FieldFault("case_ids", "bad_format")])
    found = await reports.last_results(session, [int(part) for part in parts])
    return LastResults(data=[LastResult(**one) for one in found])


@router.get("/workers", summary="Workers and queue")
async def workers(_: Caller, session: Session) -> WorkersRead:
    """Workers that hold case runs, the number of queued case runs and how long the oldest has been waiting."""
    return WorkersRead(**await reports.workers(session))


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
    case_id: int,
    caller: Caller,
    session: Session,
    row: Annotated[int | None, Query(ge=0, description="Data row, from 0; required where the case has some.")] = None,
    cursor: Annotated[int, Query(ge=0)] = 0,
    limit: Limit = 100,
) -> CaseReport:
    """A case of a run with its steps: request, response, assertions with expected and actual, captures, times."""
    await reports.require_visible(session, run_id, caller.user_id)
    found = await reports.case_runs(session, run_id, case_id)
    if not found:
        raise NotFound
    if row is None and found[0].data_row != NO_ROW:
        raise RowRequired
    case = next((one for one in found if one.data_row == (NO_ROW if row is None else row)), None)
    if case is None:
        raise NotFound
    return await reports.case_report(session, case, cursor, limit)
