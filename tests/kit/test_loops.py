"""Supervised loops: woken early, tried again, drained in order."""

import asyncio

from sqlalchemy import text

from kit.db import Database, wake_after_commit
from kit.loops import Loop, Supervisor, run_loop
from tests.kit.conftest import Toys
from tests.support.wait import until


def supervised(loop: Loop, database: Database) -> Supervisor:
    supervisor = Supervisor()
    supervisor.start(loop.name, run_loop(loop, database, supervisor.stopping))
    return supervisor


async def test_a_loop_is_woken_by_a_commit_in_this_process(toys: Toys) -> None:
    passes = []

    async def step() -> float:
        passes.append(1)
        return 3600

    supervisor = supervised(Loop(step, wake="due"), toys.catalog.database)
    await until(lambda: len(passes) == 1)
    async with toys.catalog.database.transaction() as session:
        wake_after_commit(session, "due")
    await until(lambda: len(passes) == 2)
    await supervisor.stop(5)


async def test_a_loop_is_woken_by_a_commit_in_another_process(toys: Toys) -> None:
    other = Database("catalog")
    other.open()
    carriers = [asyncio.create_task(each.wakeups.run()) for each in (toys.catalog.database, other)]
    passes = []

    async def step() -> float:
        passes.append(1)
        return 3600

    supervisor = supervised(Loop(step, wake="due"), toys.catalog.database)
    await until(lambda: len(passes) == 1)
    listening = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'")

    async def rung() -> bool:
        async with other.transaction() as session:
            await session.execute(listening)
            wake_after_commit(session, "due")
        return len(passes) >= 2

    await until(rung)
    await supervisor.stop(5)
    for carrier in carriers:
        carrier.cancel()
    await asyncio.gather(*carriers, return_exceptions=True)
    await other.close()


async def test_a_pass_that_fails_is_tried_again_and_kills_no_task(toys: Toys) -> None:
    passes = []

    async def step() -> float:
        passes.append(1)
        if len(passes) < 3:
            raise ZeroDivisionError
        return 3600

    supervisor = supervised(Loop(step), toys.catalog.database)
    await until(lambda: len(passes) == 3)
    assert supervisor.dead() == []
    await supervisor.stop(5)


async def test_a_stop_lets_the_pass_finish_and_then_drains(toys: Toys) -> None:
    done: list[str] = []
    begun, release = asyncio.Event(), asyncio.Event()

    async def step() -> float:
        begun.set()
        await release.wait()
        done.append("pass")
        return 0

    async def drain() -> None:
        done.append("drained")

    supervisor = supervised(Loop(step, drain=drain), toys.catalog.database)
    await begun.wait()
    stopping = asyncio.create_task(supervisor.stop(5))
    await until(supervisor.stopping.is_set)
    release.set()
    await stopping
    assert done == ["pass", "drained"]


async def test_what_does_not_finish_within_the_grace_period_is_cancelled(toys: Toys) -> None:
    cancelled = []
    begun = asyncio.Event()

    async def step() -> float:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return 0

    supervisor = supervised(Loop(step), toys.catalog.database)
    await begun.wait()
    await supervisor.stop(0.1)
    assert cancelled == [True]


async def test_a_task_that_ended_by_itself_is_reported_as_dead() -> None:
    supervisor = Supervisor()

    async def ends() -> None:
        """End at once."""

    supervisor.start("brief", ends())
    await until(lambda: supervisor.dead() == ["brief"])
    await supervisor.stop(1)
    assert supervisor.dead() == []
