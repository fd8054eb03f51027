"""All tasks as they change, told to whoever watches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from services.scheduler.loops import follow_tasks, greet_viewers
from services.scheduler.usecases import following
from tests.scheduler.conftest import BOB, Scheduler, completed, started, user
from tests.support.wait import until

HOUR = timedelta(hours=1)


class Viewer:
    """Somebody who watches."""

    def __init__(self, answer: httpx.Response) -> None:
        self.lines = answer.aiter_lines()
        self.last_id = ""

    async def event(self) -> tuple[str, dict[str, Any]]:
        """The next event."""
        found: dict[str, str] = {}
        async for line in self.lines:
            if not line:
                break
            name, _, value = line.partition(": ")
            found[name] = value
        self.last_id = found["id"]
        return found["event"], orjson.loads(found["data"])

    async def status(self) -> tuple[int, str]:
        """The task that has changed, and its status."""
        name, task = await self.event()
        assert name == "task.changed"
        return task["id"], task["status"]


@asynccontextmanager
async def watching(client: httpx.AsyncClient, last_id: str = "") -> AsyncIterator[Viewer]:
    async with client.stream("GET", "/scheduler/events", headers={"Last-Event-ID": last_id}) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield Viewer(answer)


async def test_a_task_is_told_whenever_it_changes(scheduler: Scheduler) -> None:
    async with watching(scheduler.eve) as viewer, watching(scheduler.bob) as other:
        assert await viewer.event() == await other.event()
        task = (await scheduler.save())["id"]
        await follow_tasks()
        assert await viewer.status() == (task, "pending")
        await scheduler.move_clock(HOUR)
        await scheduler.tick()
        await follow_tasks()
        assert await viewer.status() == (task, "running")
        [due] = await scheduler.due()
        await scheduler.state(started(due))
        await follow_tasks()  # the task looks as before: nothing is told
        await scheduler.state(completed(due, "failed"))
        await follow_tasks()
        name, told = await viewer.event()
        assert (name, told) == ("task.changed", await scheduler.task(task))
        assert [await other.status() for _ in range(3)] == [(task, s) for s in ("pending", "running", "failed")]


async def test_pausing_and_cancelling_are_told(scheduler: Scheduler) -> None:
    task = (await scheduler.save())["id"]
    async with watching(scheduler.bob) as viewer:
        await viewer.event()
        for action in ("pause", "resume"):
            await scheduler.bob.post(f"/scheduler/tasks/{task}/{action}")
            await follow_tasks()
            assert (await viewer.event())[1]["paused"] is (action == "pause")
        await scheduler.bob.post("/api-data/cancel-scheduled-task", json={"task_id": task})
        await follow_tasks()
        assert await viewer.status() == (task, "cancelled")


async def test_who_comes_back_goes_on_after_the_last_event_that_was_seen(scheduler: Scheduler) -> None:
    async with watching(scheduler.bob) as stays:
        await stays.event()
        async with watching(scheduler.bob) as viewer:
            assert (await viewer.event())[0] == "ready"
        task = (await scheduler.save())["id"]
        await follow_tasks()
        async with watching(scheduler.bob, viewer.last_id) as back:
            assert await back.status() == (task, "pending")
        async with watching(scheduler.bob, "of-another-process-7") as back:
            assert (await back.event())[0] == "ready"


async def test_of_too_many_changes_at_once_only_that_there_were_some_is_told(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "TOLD_AT_ONCE", 2)
    async with watching(scheduler.bob) as viewer:
        await viewer.event()
        for _ in range(3):
            await scheduler.save()
        await follow_tasks()
        assert (await viewer.event())[0] == "ready"


async def test_the_stream_ends_with_the_session(scheduler: Scheduler) -> None:
    async with watching(scheduler.bob) as viewer:
        await viewer.event()
        await greet_viewers()
        assert (await viewer.event())[0] == "ping"
        await scheduler.state(user(BOB, "bob", revision=2, credentials=[]))
        await greet_viewers()
        rest = [line async for line in viewer.lines]
        assert rest == []


async def test_with_nobody_there_nothing_is_asked(scheduler: Scheduler) -> None:
    async with watching(scheduler.bob) as viewer:
        await viewer.event()
        await follow_tasks()
        assert following.board.looked_at is not None
    await until(lambda: not following.board.viewers)
    await follow_tasks()
    assert following.board.looked_at is None
