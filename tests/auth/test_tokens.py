"""API tokens: the keys of machines."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kit.settings import settings
from tests.auth.conftest import PASSWORD, Client, Running

LATER = "2099-01-01T00:00:00"


async def api_client(running: Running, owner: Client, *scopes: str) -> Client:
    new = {"name": "CI", "scopes": list(scopes), "expires_at": LATER}
    answer = await owner.post("/user/tokens", json=new)
    assert answer.status_code == 200, answer.text
    return running.client(Authorization=f"Token {answer.json()['token']}")


async def test_an_api_token_is_shown_once(running: Running) -> None:
    new = {"name": "CI", "scopes": ["run", "read", "read"], "expires_at": LATER}
    answer = await running.admin.post("/user/tokens", json=new)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["token"].startswith("rnd_")
    assert (made["name"], made["scopes"]) == ("CI", ["read", "run"])
    assert (made["expires_at"], made["expires_at_utc"]) == (LATER, "2098-12-31T16:00:00Z")
    listed = (await running.admin.get("/user/tokens")).json()
    assert listed["total"] == 1
    shown = {name: value for name, value in made.items() if name not in {"msg", "token"}}
    assert listed["data"] == [shown]


async def test_an_api_token_lives_beside_the_session_and_is_stated(running: Running) -> None:
    bob = await running.user("bob")
    machine = await api_client(running, bob, "read")
    assert (await machine.get("/user/user-view")).status_code == 200
    assert (await bob.get("/user/user-view")).status_code == 200
    await bob.log_in("bob")
    assert (await machine.get("/user/user-view")).status_code == 200
    kinds = [credential["kind"] for credential in (await running.states(bob.user_id))[-1]["credentials"]]
    assert sorted(kinds) == ["api", "session"]
    assert (await machine.get("/catalog/projects")).status_code == 200


async def test_a_scope_is_what_a_token_may_be_used_for(running: Running) -> None:
    reader = await api_client(running, running.admin, "read")
    writer = await api_client(running, running.admin, "write")
    runner = await api_client(running, running.admin, "run")
    expected = {reader: (200, 403), writer: (403, 200), runner: (403, 403)}
    for client, (reads, writes) in expected.items():
        read = await client.get("/user/user-cfg-params")
        written = await client.post("/user/set-user-cfg", json={})
        assert (read.status_code, written.status_code) == (reads, writes)
        assert (await client.get("/user/verify")).status_code == 200


async def test_an_api_token_makes_no_further_ones(running: Running) -> None:
    machine = await api_client(running, running.admin, "read", "run", "write")
    new = {"name": "more", "scopes": ["read"], "expires_at": LATER}
    refused = await machine.post("/user/tokens", json=new)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


async def test_name_and_password_make_a_token_and_leave_the_session_alone(running: Running) -> None:
    bob = await running.user("bob")
    new = {"name": "laptop", "scopes": ["read"], "expires_at": LATER}
    made = await running.client().post("/user/tokens", json={**new, "username": "bob", "password": PASSWORD})
    assert made.status_code == 200, made.text
    assert (await bob.get("/user/user-view")).status_code == 200
    machine = running.client(Authorization=f"Token {made.json()['token']}")
    assert (await machine.get("/user/verify")).json()["username"] == "bob"


async def test_a_wrong_password_makes_no_token_and_is_counted(running: Running) -> None:
    await running.create("bob")
    new = {"name": "x", "scopes": ["read"], "expires_at": LATER, "username": "bob", "password": "a guess"}
    client = running.client()
    statuses = [(await client.post("/user/tokens", json=new)).status_code for _ in range(6)]
    assert statuses == [403] * 5 + [429]


async def test_who_must_change_the_password_first_makes_no_token(running: Running) -> None:
    await running.admin.post("/user/user-view", json={"username": "bob"})
    new = {"name": "x", "scopes": ["read"], "expires_at": LATER}
    by_password = await running.client().post("/user/tokens", json={**new, "username": "bob", "password": "123456"})
    bob = running.client()
    await bob.log_in("bob", "123456")
    for refused in (by_password, await bob.post("/user/tokens", json=new)):
        assert (refused.status_code, refused.json()["code"]) == (403, "must_change_password")


async def test_nobody_makes_no_token(running: Running) -> None:
    new = {"name": "x", "scopes": ["read"], "expires_at": LATER}
    answer = await running.client().post("/user/tokens", json=new)
    assert (answer.status_code, answer.json()["reason"]) == (401, "missing")
    half = await running.client().post("/user/tokens", json={**new, "username": "admin"})
    assert (half.status_code, half.json()["code"]) == (400, "missing_parameter")


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"expires_at": "2020-01-01T00:00:00"}, "expires_at", "not_in_future"),
        ({"expires_at": "2099-01-01T00:00:00.5"}, "expires_at", "bad_format"),
        ({"expires_at": "2099-13-01T00:00:00"}, "expires_at", "bad_format"),
        ({"expires_at": 4070908800}, "expires_at", "wrong_type"),
        ({"expires_at": "9999-12-31T23:59:59Z"}, "expires_at", "out_of_range"),
        ({"expires_at": "0001-01-01T00:00:00"}, "expires_at", "out_of_range"),
        ({"scopes": ["admin"]}, "scopes[0]", "out_of_range"),
        ({"scopes": []}, "scopes", "out_of_range"),
        ({"name": ""}, "name", "out_of_range"),
    ],
)
async def test_a_faulty_token_is_refused_by_name(
    running: Running, change: dict[str, Any], field: str, reason: str
) -> None:
    new = {"name": "x", "scopes": ["read"], "expires_at": LATER, **change}
    answer = await running.admin.post("/user/tokens", json=new)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]] == [(field, reason)]


async def test_an_end_may_have_an_offset(running: Running) -> None:
    for given in ("2099-01-01T00:00:00Z", "2099-01-01T08:00:00+08:00"):
        new = {"name": "x", "scopes": ["read"], "expires_at": given}
        made = (await running.admin.post("/user/tokens", json=new)).json()
        assert (made["expires_at"], made["expires_at_utc"]) == ("2099-01-01T08:00:00", "2099-01-01T00:00:00Z")


async def test_a_naive_end_is_read_in_the_platforms_zone_where_clocks_are_changed(
    running: Running, configured: pytest.MonkeyPatch
) -> None:
    configured.setenv("ROUNDS_TIMEZONE", "Europe/Berlin")
    settings.cache_clear()
    new = {"name": "x", "scopes": ["read"]}
    skipped = await running.admin.post("/user/tokens", json={**new, "expires_at": "2099-03-29T02:30:00"})
    assert [(fault["field"], fault["reason"]) for fault in skipped.json()["errors"]] == [
        ("expires_at", "time_does_not_exist")
    ]
    twice = (await running.admin.post("/user/tokens", json={**new, "expires_at": "2099-10-25T02:30:00"})).json()
    assert (twice["expires_at"], twice["expires_at_utc"]) == ("2099-10-25T02:30:00", "2099-10-25T00:30:00Z")


async def test_an_expired_token_is_refused_and_listed_no_more(running: Running) -> None:
    soon = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")) + timedelta(hours=1)
    new = {"name": "x", "scopes": ["read"], "expires_at": soon.strftime("%Y-%m-%dT%H:%M:%S")}
    made = await running.admin.post("/user/tokens", json=new)
    machine = running.client(Authorization=f"Token {made.json()['token']}")
    assert (await machine.get("/user/verify")).status_code == 200
    await running.move_clock(timedelta(hours=1, seconds=1))
    refused = await machine.get("/user/verify")
    assert (refused.status_code, refused.json()["reason"]) == (401, "expired")
    assert (await running.admin.get("/user/tokens")).json()["total"] == 0


async def test_a_deleted_token_is_out_at_once(running: Running) -> None:
    machine = await api_client(running, running.admin, "read")
    (token,) = (await running.admin.get("/user/tokens")).json()["data"]
    bob = await running.user("bob")
    assert (await bob.delete(f"/user/tokens?id={token['id']}")).status_code == 404
    answer = await running.admin.delete(f"/user/tokens?id={token['id']}")
    assert (answer.status_code, answer.json()) == (200, {"msg": "API Token 删除成功"})
    refused = await machine.get("/user/verify")
    assert (refused.status_code, refused.json()["reason"]) == (401, "unknown")
    assert (await running.admin.delete(f"/user/tokens?id={token['id']}")).status_code == 404


async def test_a_session_is_no_api_token_to_delete(running: Running) -> None:
    (session,) = await running.rows("SELECT id FROM token WHERE kind = 'session'")
    assert (await running.admin.delete(f"/user/tokens?id={session['id']}")).status_code == 404


async def test_a_user_holds_at_most_a_hundred_tokens(running: Running) -> None:
    await running.execute(f"""
        INSERT INTO token (sha256, user_id, kind, name, scopes, expires_at)
        SELECT 'x' || n, {running.admin.user_id}, 'api', 'x', '{{read}}', clock_now() + interval '1 day'
        FROM generate_series(1, 99) AS n
    """)
    new = {"name": "x", "scopes": ["read"], "expires_at": LATER}
    answers = await asyncio.gather(*(running.admin.post("/user/tokens", json=new) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    second = (await running.admin.get("/user/tokens", params={"page": 2, "page_size": 60})).json()
    assert (second["total"], len(second["data"])) == (100, 40)


async def test_a_disabled_users_tokens_rest_until_the_user_is_enabled(running: Running) -> None:
    bob = await running.user("bob")
    machine = await api_client(running, bob, "read")
    await running.admin.patch("/user/user-view", json={"id": bob.user_id, "is_active": False})
    assert (await machine.get("/user/verify")).status_code == 401
    await running.admin.patch("/user/user-view", json={"id": bob.user_id, "is_active": True})
    assert (await machine.get("/user/verify")).status_code == 200
