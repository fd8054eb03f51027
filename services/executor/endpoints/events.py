"""A run as it goes on, as server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from kit.errors import NotAuthenticated, NotFound
from kit.wake import any_of
from services.executor.db import Caller, authenticator, database
from services.executor.models import NO_ROW
from services.executor.queries import history, reports
from services.executor.schemas import RunRead

router = APIRouter(prefix="/runs", tags=["reports"])

Case = tuple[int, int]
"""Position and data row."""
Started = tuple[int, int, int]
"""The same, and which start."""

_AT_START = {"status": "running", "failure_class": None, "pass_rate": None, "duration_ms": None}

LOOK_SECONDS = 1.0
REST_SECONDS = 0.2
"""Between two looks, however often the bell rings."""
PING_SECONDS = 15.0


@router.get(
    "/{run_id}/events",
    summary="Follow a run",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}},
)
async def follow_run(run_id: UUID, caller: Caller, request: Request) -> StreamingResponse:
    """`snapshot` (the whole report, so that whoever comes late or again misses nothing), then `case.started`,
    `step.completed`, `case.completed`, and at last `run.completed`; `ping` every 15 s.

    The stream ends with the run, or when the session that asked for it ends.
    """
    async with database.transaction() as session:
        await reports.require_visible(session, run_id, caller.user_id)
    stream = _stream(run_id, caller.credential, request)
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _stream(run_id: UUID, credential: str, request: Request) -> AsyncIterator[bytes]:
    seen: dict[Started, int] = {}
    number, pinged = 0, time.monotonic()
    with database.wakeups.bell("progress") as bell:
        known = {_key(case): case for case in await _begun(run_id)}
        yield _event(number, "snapshot", (await _report(run_id)).model_dump(mode="json"))
        while not await request.is_disconnected():
            bell.clear()
            over = await _is_over(run_id)
            for name, body in await _changes(run_id, known, seen):
                number += 1
                yield _event(number, name, body)
            if over:
                report = await _report(run_id)
                yield _event(number + 1, "run.completed", report.model_dump(mode="json", exclude={"cases"}))
                return
            if time.monotonic() - pinged >= PING_SECONDS:
                pinged = time.monotonic()
                if not await _still_logged_in(credential):
                    return
                yield _event(number, "ping", {})
            await asyncio.sleep(REST_SECONDS)
            await any_of([bell], LOOK_SECONDS)


async def _still_logged_in(credential: str) -> bool:
    try:
        await authenticator.find(credential)
    except NotAuthenticated:
        return False
    return True


async def _report(run_id: UUID) -> RunRead:
    async with database.transaction() as session:
        found = await reports.run_report(session, run_id)
    if found is None:
        raise NotFound
    return found[1]


async def _is_over(run_id: UUID) -> bool:
    async with database.transaction() as session:
        return await history.is_over(session, run_id)


async def _begun(run_id: UUID) -> list[dict[str, Any]]:
    async with database.transaction() as session:
        return await history.begun_cases(session, run_id)


async def _changes(
    run_id: UUID, known: dict[Case, dict[str, Any]], seen: dict[Started, int]
) -> list[tuple[str, dict[str, Any]]]:
    """What has happened since the last look; `known` and `seen` are brought up to date."""
    async with database.transaction() as session:
        cases = await history.begun_cases(session, run_id)
        going = [case for case in cases if _differs(case, known) or case["status"] == "running"]
        keys = [(case["position"], case["data_row"], case["starts"]) for case in going]
        names = ("position", "data_row", "start_no", "seq")
        cursors = [dict(zip(names, (*key, seen.get(key, 0)), strict=True)) for key in keys]
        steps = await history.new_steps(session, run_id, cursors) if cursors else []
    steps_of: dict[Case, list[dict[str, Any]]] = {}
    for step in steps:
        seen[step["position"], step["data_row"], step["start_no"]] = step["seq"]
        steps_of.setdefault(_key(step), []).append(step)
    events: list[tuple[str, dict[str, Any]]] = []
    for case in going:
        before = known.get(_key(case))
        if before is None or before["starts"] != case["starts"]:  # it may have ended since: that is told below
            events.append(("case.started", _told({**case, **_AT_START})))
        events += [("step.completed", _told(step)) for step in steps_of.get(_key(case), [])]
        if case["status"] not in {"running", "queued"} and _differs(case, known):
            events.append(("case.completed", _told(case)))
        known[_key(case)] = case
    return events


def _key(case: dict[str, Any]) -> Case:
    return case["position"], case["data_row"]


def _differs(case: dict[str, Any], known: dict[Case, dict[str, Any]]) -> bool:
    before = known.get(_key(case))
    return before is None or (before["status"], before["starts"]) != (case["status"], case["starts"])


def _told(row: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in row.items() if name != "data_row"}
    return {**rest, "row": None if row["data_row"] == NO_ROW else row["data_row"]}


def _event(number: int, name: str, body: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, name.encode(), orjson.dumps(body))
