"""Trying a document that is not saved, and judging a kept answer again."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import orjson
from pydantic import JsonValue
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from caselang.document import Case, RequestStep, calls, parse
from caselang.faults import DocumentInvalid
from caselang.judgement import Judged, judge
from caselang.response import Response
from caselang.template import Functions
from kit.caller import Caller
from kit.db import wake_after_commit
from kit.errors import FieldFault, InvalidParameter
from services.executor.clients.aside import aside
from services.executor.clients.wire import CallFailed
from services.executor.errors import AnswerNotKept, TooManyTrials
from services.executor.models import CaseDefinition, CaseRun, Run, StepResult, table
from services.executor.queries import replicas
from services.executor.usecases.runs import environment_faults, environments_used, insert_cases, new_run
from services.executor.usecases.starts import closure

TRIAL_CASE_ID = 0


async def try_document(
    session: AsyncSession,
    caller: Caller,
    document: Mapping[str, JsonValue],
    project_id: int,
    environments: dict[int, int],
    until_step: str | None,
    trials_per_minute: int,
) -> UUID:
    """Queue a run of an unsaved document, which only its author sees and which is forgotten after an hour.

    Raises: InvalidParameter (no case, unknown project or environment), PermissionDenied, TooManyTrials.
    """
    faults = await environment_faults(session, environments)
    case = None
    try:
        case = parse(dict(document))
    except DocumentInvalid as invalid:
        faults += [_fault("document", fault.field, fault.reason, fault.message) for fault in invalid.faults]
    projects = await replicas.projects(session, [project_id])
    project = projects.get(project_id)
    if project is None or project.deleted:
        faults.append(FieldFault("project_id", "unknown_ids", {"ids": [project_id]}))
    if faults or case is None or project is None:
        raise InvalidParameter(errors=faults)
    caller.require_member(project_id)
    await _limit(session, caller, trials_per_minute)

    environment_id = environments.get(project_id, project.default_environment_id)
    called = await closure(session, calls(case))
    run = new_run(
        uuid7(),
        trigger="api",
        requested_by=caller.user_id,
        parallel=0,
        max_parallel=1,
        failed_stop=True,
        only_failed_log=False,
        trial=True,
        until_step=until_step,
        project_ids=[project_id],
        environments=await environments_used(session, {project_id: environment_id}),
        cases_total=len(case.data or [None]),
    )
    await session.execute(insert(table(Run)).values(**run))
    definition = {
        "run_id": run["run_id"],
        "position": 0,
        "revision": 0,
        "document": dict(document),
        "called": called,
    }
    await session.execute(insert(table(CaseDefinition)).values(**definition))
    row = {
        "position": 0,
        "case_id": TRIAL_CASE_ID,
        "project_id": project_id,
        "environment_id": environment_id,
        "min_revision": 0,
        "name": case.name,
        "data_rows": len(case.data or []),
    }
    await insert_cases(session, run, [row])
    wake_after_commit(session, "work")
    run_id: UUID = run["run_id"]
    return run_id


async def _limit(session: AsyncSession, caller: Caller, trials_per_minute: int) -> None:
    query = text("""
        SELECT count(*) FROM run
        WHERE trial AND requested_by = :user_id AND created_at > clock_now() - interval '1 minute'
    """)
    if (await session.execute(query, {"user_id": caller.user_id})).scalar_one() >= trials_per_minute:
        raise TooManyTrials


def _fault(at: str, field: str, reason: str, hint: str) -> FieldFault:
    return FieldFault(f"{at}.{field}".rstrip("."), reason, {"hint": hint})


async def judge_again(step: Mapping[str, JsonValue], stored: StepResult, case: CaseRun) -> tuple[Judged, bool]:
    """Judge the kept answer of a step by other captures and assertions; no call is made.

    The variables are those at the end of the case run, secrets masked. Answers too whether the body was cut.
    Raises: InvalidParameter (no request step), AnswerNotKept.
    """
    document = {"apiVersion": "rounds/v1", "kind": "Case", "name": "case", "steps": [dict(step)]}
    try:
        wanted: Case = parse(document)
    except DocumentInvalid as invalid:
        faults = [(fault.field.removeprefix("steps[0]").lstrip("."), fault) for fault in invalid.faults]
        raise InvalidParameter(
            errors=[_fault("step", at, fault.reason, fault.message) for at, fault in faults]
        ) from None
    found = wanted.steps[0]
    if not isinstance(found, RequestStep):
        raise InvalidParameter(errors=[FieldFault("step.type", "not_supported")])
    kept = orjson.loads(stored.detail)
    if not kept.get("response"):
        raise AnswerNotKept
    answer, times = kept["response"], kept.get("timings_ms") or {}
    response = Response(
        status=answer["status"],
        headers=[(name, value) for name, value in answer["headers"]],
        body=answer["body"].encode(),
        url=kept["request"]["url"],
        duration_ms=times.get("total") or 0,
        ip=answer.get("ip"),
        http_version=answer["http_version"],
    )
    variables = {one["name"]: one["value"] for one in case.variables or []}
    functions = Functions(now=datetime.now(UTC), random=random.SystemRandom())
    truncated = bool(answer["truncated"])
    try:
        return await aside(judge, found.captures, found.asserts, response, variables, functions), truncated
    except CallFailed as error:
        return Judged("error", error.failure_class, error.message, [], []), truncated
