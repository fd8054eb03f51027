"""The first start makes the first superuser."""

import asyncio
import re
from datetime import timedelta

import pytest

from services.auth.loops import create_first_superuser, purge
from services.auth.settings import auth_settings
from tests.auth.conftest import ADMIN_PASSWORD, Running, started


async def test_a_password_that_was_made_up_is_printed_once_and_must_be_changed(
    configured: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configured.delenv("ROUNDS_ADMIN_PASSWORD")
    auth_settings.cache_clear()
    async with started(configured) as running:
        found = re.search(r"admin with (\S{16})", capsys.readouterr().out)
        assert found is not None
        assert (await running.client().get("/user/platform")).json()["first_run"] is True
        admin = running.client()
        body = await admin.log_in("admin", found.group(1))
        assert (body["user_info"]["is_superuser"], body["user_info"]["must_change_password"]) == (True, True)
        await create_first_superuser()
        assert capsys.readouterr().out == ""
        change = {"old_password": found.group(1), "password": "another-password"}
        assert (await admin.post("/user/change-password", json=change)).status_code == 200
        assert (await running.client().get("/user/platform")).json()["first_run"] is False


async def test_a_password_that_was_given_is_not_printed_and_need_not_be_changed(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ADMIN_PASSWORD not in capsys.readouterr().out
    assert (await running.admin.get("/user/user-view")).status_code == 200


async def test_two_processes_that_start_at_once_make_one_superuser(running: Running) -> None:
    await running.execute("DELETE FROM token")
    await running.execute('DELETE FROM "user"')
    await asyncio.gather(*(create_first_superuser() for _ in range(3)))
    assert [row["username"] for row in await running.rows('SELECT username FROM "user"')] == ["admin"]


async def test_what_is_past_its_time_is_purged(running: Running) -> None:
    bob = await running.user("bob")
    await bob.log_in("bob")
    await running.client().post("/user/login", json={"username": "bob", "password": "a guess"})
    await purge()
    assert len(await running.rows("SELECT 1 FROM token")) == 3
    assert len(await running.rows("SELECT 1 FROM login_failure WHERE username = 'bob'")) == 1
    await running.move_clock(timedelta(days=3))
    await purge()
    assert await running.rows("SELECT 1 FROM token") == []
    assert await running.rows("SELECT 1 FROM login_failure") == []
    assert await running.rows("SELECT 1 FROM audit") != []
    await running.move_clock(timedelta(days=366))
    await purge()
    assert await running.rows("SELECT 1 FROM audit") == []
