"""What gateways, clients before a log-in, and other services ask."""

import asyncio
import hashlib
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import text

from kit.settings import settings
from services.auth import queries
from services.auth.db import database
from services.auth.settings import AuthSettings
from services.catalog.main import service as catalog
from services.executor.settings import ExecutorSettings
from services.notifier.settings import NotifierSettings
from tests.auth.conftest import Client, Running
from tests.support.proxy import proxy_to
from tests.support.wait import until

SERVICE = {"Authorization": "Service service-token-of-tests"}


async def test_a_gateway_learns_whose_token_it_is(running: Running) -> None:
    await running.create("王小明")
    user = running.client()
    await user.log_in("王小明")
    answer = await user.get("/user/verify")
    assert answer.status_code == 200
    assert answer.headers["X-Rounds-User"] == quote("王小明")
    assert answer.json() == {
        "msg": "操作成功",
        "user_id": user.user_id,
        "username": "王小明",
        "is_superuser": False,
        "scopes": ["read", "run", "write"],
    }
    refused = await running.client().get("/user/verify")
    assert (refused.status_code, refused.json()["reason"]) == (401, "missing")


async def test_the_platform_tells_anyone_what_a_log_in_page_needs(running: Running) -> None:
    answer = await running.client().get("/user/platform")
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("version").count(".") >= 1
    assert body == {
        "msg": "操作成功",
        "timezone": "Asia/Shanghai",
        "languages": ["zh", "en"],
        "password_rules": {"min_length": 8, "not_default": True},
        "first_run": False,
        "mail_configured": None,
        "retention": None,
    }


async def test_the_platform_tells_users_more(running: Running) -> None:
    body = (await running.admin.get("/user/platform")).json()
    assert body["mail_configured"] is False
    assert body["retention"] == {"steps_days": 30, "runs_days": 365, "deliveries_days": 90, "audit_days": 365}
    stranger = running.client(Authorization="Token rnd_nobodys")
    assert (await stranger.get("/user/platform")).status_code == 401


def test_the_retention_told_is_the_one_in_force(configured: pytest.MonkeyPatch) -> None:
    configured.setenv("ROUNDS_NOTIFIER_KEEP_DAYS", "7")
    told, executor, notifier = AuthSettings(), ExecutorSettings(), NotifierSettings()
    assert (told.keep_steps_days, told.keep_runs_days) == (executor.keep_steps_days, executor.keep_runs_days)
    assert told.keep_deliveries_days == notifier.keep_days == 7


async def ask(running: Running, path: str, body: dict[str, Any]) -> httpx.Response:
    return await running.client(**SERVICE).post(f"/internal/auth/{path}", json=body)


async def test_services_look_up_whole_users_the_deleted_ones_too(running: Running) -> None:
    bob, carol = await running.user("bob"), await running.create("carol")
    await running.admin.delete(f"/user/user-view?id={carol}")
    answer = await ask(running, "users:lookup", {"ids": [carol, bob.user_id, 99999]})
    found = {user["id"]: user for user in answer.json()["users"]}
    assert found.keys() == {bob.user_id, carol}
    assert found[bob.user_id] == (await running.states(bob.user_id))[-1]
    assert found[carol] == (await running.states(carol))[-1]


async def test_a_snapshot_walks_every_user_in_pieces_the_deleted_ones_too(running: Running) -> None:
    users = [await running.create(f"user{number}") for number in range(3)]
    await running.admin.delete(f"/user/user-view?id={users[1]}")
    seen, after = [], 0
    while True:
        async with database.transaction() as session:
            states, last = await queries.snapshot(session, "user.changed", after, 2)
        if last is None:
            break
        seen += [(state.id, state.deleted) for state in states]
        after = last
    assert seen == [(running.admin.user_id, False), (users[0], False), (users[1], True), (users[2], False)]


async def verify(running: Running, client: Client) -> Any:
    sha256 = hashlib.sha256(client.token.encode()).hexdigest()
    return (await ask(running, "tokens:verify", {"sha256": sha256})).json()


async def test_services_verify_a_token_or_learn_why_it_is_refused(running: Running) -> None:
    bob, nobody = await running.user("bob"), running.client()
    nobody.token = "rnd_nobodys"
    assert await verify(running, bob) == {"user": (await running.states(bob.user_id))[-1]}
    assert await verify(running, nobody) == {"reason": "unknown"}
    await running.client().log_in("bob")
    refused = await verify(running, bob)
    assert refused["reason"] == "replaced"
    assert refused["replaced_at"].endswith("Z")


async def test_only_services_ask_inside(running: Running) -> None:
    for path, body in (("users:lookup", {"ids": [1]}), ("tokens:verify", {"sha256": "0" * 64})):
        assert (await running.admin.post(f"/internal/auth/{path}", json=body)).status_code == 401
        wrong = {"Authorization": "Service guess"}
        assert (await running.client(**wrong).post(f"/internal/auth/{path}", json=body)).status_code == 403


async def test_another_service_refuses_a_replaced_token_within_two_seconds(running: Running) -> None:
    phone = await running.user("bob")
    assert (await phone.get("/catalog/projects")).status_code == 200
    await running.client().log_in("bob")

    async def refused() -> Any:
        answer = await phone.get("/catalog/projects")
        return answer if answer.status_code == 401 else None

    answer = await until(refused, timeout=2)
    assert answer.json()["reason"] == "replaced"
    assert answer.json()["replaced_at"].endswith("Z")
    assert (await phone.get("/catalog/projects")).json() == answer.json(), "asked at once again"


async def test_another_service_asks_again_about_a_token_when_the_answer_is_late(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = await running.user("bob")
    known = text("SELECT 1 FROM known_credential WHERE user_id = :id")

    async def arrived() -> object:
        async with catalog.database.transaction() as session:
            return (await session.execute(known, {"id": phone.user_id})).scalar()

    await until(arrived)
    async with catalog.database.transaction() as session:
        await session.execute(text("DELETE FROM known_credential"))
    async with proxy_to(settings().http_port) as slow:
        monkeypatch.setenv("ROUNDS_AUTH_URL", f"http://127.0.0.1:{slow.port}")
        slow.hang()
        asking = asyncio.create_task(phone.get("/catalog/projects"))
        await until(lambda: slow.connections == 2)
        await slow.restore()
        assert (await asking).status_code == 200
