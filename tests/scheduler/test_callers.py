"""Callers whose session the scheduler knows from the replica alone."""

from datetime import timedelta

from services.scheduler.main import service
from tests.scheduler.conftest import BOB, Scheduler, user
from tests.support.wait import until

PATH = "/api-data/scheduled-tasks"
MINUTE = timedelta(seconds=61)


async def test_a_session_that_ended_unheard_of_is_out_within_a_minute(scheduler: Scheduler) -> None:
    scheduler.sources.know("users", user(BOB, "bob", [7], credentials=[], revision=2))
    assert (await scheduler.bob.get(PATH)).status_code == 200
    assert scheduler.sources.asked == [], "auth is asked once a minute, not for each request"

    await scheduler.move_clock(MINUTE)

    async def is_out() -> bool:
        return (await scheduler.bob.get(PATH)).status_code == 401

    await until(is_out, 5)


async def test_a_session_that_auth_confirms_stays_and_takes_what_else_changed_along(scheduler: Scheduler) -> None:
    scheduler.sources.know("users", user(BOB, "robert", [7, 8], revision=2))
    await scheduler.move_clock(MINUTE)

    async def is_known() -> bool:
        assert (await scheduler.bob.get(PATH)).status_code == 200
        [known] = await scheduler.rows("SELECT * FROM known_user WHERE id = :id", id=BOB)
        return (known["username"], known["project_ids"]) == ("robert", [7, 8])

    await until(is_known, 10)


async def test_a_session_lives_on_while_auth_is_away(scheduler: Scheduler) -> None:
    scheduler.sources.down = True
    await scheduler.move_clock(MINUTE)
    for _ in range(3):
        assert (await scheduler.bob.get(PATH)).status_code == 200
        await until(lambda: not service.database.beside, 5)


async def test_a_confirmation_under_way_ends_with_the_service(scheduler: Scheduler) -> None:
    scheduler.sources.answering.clear()
    await scheduler.move_clock(MINUTE)
    assert (await scheduler.eve.get(PATH)).status_code == 200
    [confirmation] = service.database.beside
    await service.database.close()
    assert confirmation.done()
    scheduler.sources.answering.set()
    service.database.open()
