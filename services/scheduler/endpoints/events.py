"""The tasks as they change, as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from services.scheduler.db import Caller
from services.scheduler.usecases.following import board

router = APIRouter(prefix="/scheduler", tags=["scheduler"])


@router.get(
    "/events",
    summary="Follow all tasks",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}},
)
async def follow_tasks(
    caller: Caller,
    last_event_id: Annotated[str | None, Header(description="The last event that was seen: go on after it.")] = None,
) -> StreamingResponse:
    """`ready` (ask for what you show, now), then `task.changed` with the state of a task whenever it changes; `ping`
    every 15 s.

    With `Last-Event-ID` it goes on after that event, as long as this process remembers what came since; otherwise, and
    when more than 1,000 tasks change at once, it says `ready` again. The stream ends when the session that asked for it
    ends. All who follow share one look at the database.
    """
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    stream = _stream(caller.credential, board.position_after(last_event_id))
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _stream(credential: str, position: int | None) -> AsyncIterator[bytes]:
    board.viewers[credential] += 1
    try:
        while board.viewers[credential] > 0:
            news = board.news
            if position is None or position < board.first:
                position = board.end
                yield board.event("ready", {}, position)
            elif position < board.end:
                yield b"".join(board.log[position - board.first :])
                position = board.end
            else:
                await news.wait()
                if position == board.end and board.viewers[credential] > 0:
                    yield board.event("ping", {}, position)
    finally:
        board.leave(credential)
