"""A run as it goes on, as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from kit.errors import NotFound
from services.executor.db import Caller, database
from services.executor.queries import reports
from services.executor.usecases import following

router = APIRouter(prefix="/runs", tags=["reports"])


@router.get(
    "/{run_id}/events",
    summary="Follow a run",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}},
)
async def follow_run(
    run_id: UUID,
    caller: Caller,
    last_event_id: Annotated[str | None, Header(description="The last event that was seen: go on after it.")] = None,
) -> StreamingResponse:
    """`snapshot` (the whole report), then `case.started`, `step.completed`, `case.completed`, and at last
    `run.completed`; `ping` every 15 s.

    With `Last-Event-ID` it goes on after that event, without a snapshot, as long as this process remembers what came
    since; otherwise it begins with a snapshot again, so that nothing is missed. The stream ends with the run, or when
    the session that asked for it ends. All who follow a run share one look at the database.
    """
    async with database.transaction() as session:
        await reports.require_visible(session, run_id, caller.user_id)
    run = following.followed(run_id)
    if not run.looked_at:
        database.wakeups.ring("progress")
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    stream = _stream(run, caller.credential, run.position_after(last_event_id))
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _stream(run: following.Followed, credential: str, position: int | None) -> AsyncIterator[bytes]:
    run.viewers[credential] += 1
    try:
        while run.viewers[credential] > 0:
            news = run.news
            if not run.looked_at:
                await news.wait()
            elif position is None or position < run.first:
                position = run.position_of_newcomer()
                steps = run.steps_so_far(position)
                yield b"".join([await _snapshot(run, position), *steps])
            elif position < run.end:
                yield b"".join(run.log[position - run.first :])
                position = run.end
            elif run.completed:
                return
            else:
                await news.wait()
                if position == run.end and run.viewers[credential] > 0:
                    yield run.event("ping", {}, position)
    finally:
        run.leave(credential)


async def _snapshot(run: following.Followed, position: int) -> bytes:
    async with database.transaction() as session:
        found = await reports.run_report(session, run.run_id)
    if found is None:
        raise NotFound
    return run.event("snapshot", found[1].model_dump(mode="json"), position)
