"""Asking for runs, cancelling them, running again."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request

from kit.caller import Caller
from kit.errors import FieldFault, InvalidParameter, MissingParameter
from services.executor.db import Runner, Session, database
from services.executor.endpoints.references import confirm_project, confirm_references, confirm_rights
from services.executor.queries import reports
from services.executor.schemas import RunCreate, RunCreated
from services.executor.settings import executor_settings
from services.executor.usecases import runs, trials
from services.executor.usecases.runs import RunRequest

router = APIRouter(prefix="/runs", tags=["runs"])
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, description="The same answer for 24 h.")
]


async def _confirmed(new: RunCreate, caller: Runner) -> tuple[RunCreate, Caller]:
    if new.document is None:
        if new.case_ids is None:
            raise MissingParameter(errors=[FieldFault("case_ids", "missing")])
        return new, await confirm_references(caller, new.case_ids, new.chosen().values())
    if new.project_id is None:
        raise MissingParameter(errors=[FieldFault("project_id", "missing")])
    if new.case_ids is not None:
        raise InvalidParameter(errors=[FieldFault("case_ids", "unknown_field")])
    await confirm_project(new.project_id)
    await confirm_references(caller, [], new.chosen().values())
    return new, await confirm_rights(caller, [new.project_id])


Confirmed = Annotated[tuple[RunCreate, Caller], Depends(_confirmed)]


@router.post("", status_code=202, summary="Run cases")
async def create_run(
    confirmed: Confirmed, request: Request, session: Session, key: IdempotencyKey = None
) -> RunCreated:
    """Queue a run of cases that the caller is a member for; with the same `Idempotency-Key` there is one run only.

    With `document` in place of `case_ids` an unsaved case is tried: for 30 s at most, kept for an hour, shown to its
    author and in no list. Its case id is 0.
    """
    new, caller = confirmed
    body = await request.body()
    if key is not None and (earlier := await runs.remembered_run(session, caller, key, body)):
        return _created(earlier)
    if new.document is not None and new.project_id is not None:
        limit = executor_settings().trials_per_minute
        run_id = await trials.try_document(
            session, caller, new.document, new.project_id, new.chosen(), new.until_step, limit
        )
    else:
        run_id = await runs.request_run(session, caller, _request(new, caller))
    if key is not None:
        await runs.remember_run(session, caller, key, body, run_id)
    return _created(run_id)


def _request(new: RunCreate, caller: Caller) -> RunRequest:
    """What is not given is as the caller's own settings have it."""
    own = caller.settings
    chosen = {int(id_): environment_id for id_, environment_id in own.get("environments", {}).items()}
    failed_stop = own.get("failed_stop", True) if new.failed_stop is None else new.failed_stop
    only_failed_log = own.get("only_failed_log", False) if new.only_failed_log is None else new.only_failed_log
    return RunRequest(
        case_ids=new.case_ids or [],
        environments=new.chosen() if new.environments is not None else chosen,
        parallel=new.parallel,
        max_parallel=new.max_parallel,
        failed_stop=failed_stop,
        only_failed_log=only_failed_log,
    )


def _created(run_id: UUID, status: str = "queued") -> RunCreated:
    return RunCreated(run_id=run_id, status=status, url=f"/runs/{run_id}")


async def _member(run_id: UUID, caller: Runner) -> Caller:
    async with database.transaction() as session:
        projects = await reports.projects_of(session, run_id)
    return await confirm_rights(caller, projects)


Member = Annotated[Caller, Depends(_member)]


@router.post("/{run_id}/cancel", status_code=202, summary="Cancel a run")
async def cancel_run(run_id: UUID, caller: Member, session: Session) -> RunCreated:
    """Cases that wait end at once, running ones at their next step, with their teardown."""
    run = await runs.cancel_run(session, caller, run_id)
    return _created(run_id, run.status)


@router.post("/{run_id}/rerun", status_code=202, summary="Run again")
async def rerun(
    run_id: UUID,
    caller: Member,
    session: Session,
    only: Annotated[Literal["failed"] | None, Query(description="Only the cases that did not pass.")] = None,
) -> RunCreated:
    """Run the cases of a run again, as they are now, against the same environments."""
    return _created(await runs.rerun(session, caller, run_id, only_failed=only == "failed"))
