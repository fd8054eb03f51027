"""Slowing down who guesses passwords."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from kit.settings import settings
from tests.auth.conftest import PASSWORD, Client, Running


async def guess(client: Client, username: str = "bob", typed: str = "a guess", address: str = "") -> httpx.Response:
    headers = {"X-Forwarded-For": address} if address else {}
    return await client.post("/user/login", json={"username": username, "password": typed}, headers=headers)


@pytest.fixture
def trusting(configured: pytest.MonkeyPatch) -> None:
    """A proxy on this machine is believed, so that a request may come from anywhere."""
    configured.setenv("ROUNDS_TRUSTED_PROXIES", "127.0.0.0/8")
    settings.cache_clear()


async def test_five_failures_lock_the_name_for_a_minute_whatever_the_password(running: Running) -> None:
    await running.create("bob")
    client = running.client()
    assert [(await guess(client)).status_code for _ in range(5)] == [403] * 5
    locked = await guess(client, typed=PASSWORD)
    assert (locked.status_code, locked.json()) == (
        429,
        {"code": "too_many_attempts", "msg": "尝试过于频繁，请稍后再试"},
    )
    assert 50 < int(locked.headers["Retry-After"]) <= 60
    await running.move_clock(timedelta(seconds=61))
    assert (await guess(client, typed=PASSWORD)).status_code == 200


async def test_each_lock_is_twice_as_long_as_the_one_before_up_to_15_minutes(running: Running) -> None:
    client, ahead, waits = running.client(), timedelta(), []
    for _ in range(4):
        await guess(client)
    for _ in range(6):
        assert (await guess(client)).status_code == 403
        waits.append(int((await guess(client)).headers["Retry-After"]))
        ahead += timedelta(seconds=waits[-1] + 1)
        await running.move_clock(ahead)
    minutes = [round(wait / 60) for wait in waits]
    assert minutes == [1, 2, 4, 8, 15, 15]


async def test_failures_older_than_15_minutes_do_not_count(running: Running) -> None:
    client = running.client()
    for _ in range(4):
        await guess(client)
    await running.move_clock(timedelta(minutes=15, seconds=1))
    assert [(await guess(client)).status_code for _ in range(5)] == [403] * 5
    assert (await guess(client)).status_code == 429


async def test_a_success_clears_the_names_count(running: Running) -> None:
    await running.create("bob")
    client = running.client()
    for _ in range(2):
        for _ in range(4):
            assert (await guess(client)).status_code == 403
        assert (await guess(client, typed=PASSWORD)).status_code == 200


async def test_of_many_guesses_at_once_five_are_looked_at(running: Running) -> None:
    await running.create("bob")
    clients = [running.client() for _ in range(12)]
    answers = await asyncio.gather(*(guess(client) for client in clients))
    assert sorted(answer.status_code for answer in answers) == [403] * 5 + [429] * 7


async def test_names_that_nobody_has_are_locked_like_any_other(running: Running) -> None:
    client = running.client()
    assert [(await guess(client, "nobody")).status_code for _ in range(6)] == [403] * 5 + [429]


@pytest.mark.usefixtures("trusting")
async def test_another_address_may_still_log_in(running: Running) -> None:
    await running.create("bob")
    client = running.client()
    for _ in range(5):
        await guess(client, address="203.0.113.7")
    assert (await guess(client, typed=PASSWORD, address="203.0.113.7")).status_code == 429
    assert (await guess(client, typed=PASSWORD, address="203.0.113.8")).status_code == 200


async def test_a_header_of_who_is_no_trusted_proxy_is_not_believed(running: Running) -> None:
    client = running.client()
    answers = [await guess(client, address=f"203.0.113.{number}") for number in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]


@pytest.mark.usefixtures("trusting")
async def test_fifty_failures_lock_the_address_for_every_name(running: Running) -> None:
    await running.create("bob")
    client = running.client()
    await running.execute("""
        INSERT INTO login_failure (username, address, failed_at, locks)
        VALUES ('', '203.0.113.7', array_fill(clock_now(), ARRAY[47]), 0)
    """)
    for number in range(3):
        assert (await guess(client, f"name{number}", address="203.0.113.7")).status_code == 403
    assert (await guess(client, typed=PASSWORD, address="203.0.113.7")).status_code == 429
    assert (await guess(client, typed=PASSWORD, address="203.0.113.8")).status_code == 200
    await running.move_clock(timedelta(seconds=61))
    assert (await guess(client, typed=PASSWORD, address="203.0.113.7")).status_code == 200
