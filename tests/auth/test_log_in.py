"""Logging in and out, and who is let in."""

import asyncio
import re
from datetime import timedelta
from time import perf_counter

from tests.auth.conftest import ADMIN_PASSWORD, PASSWORD, Running
from tests.support.wait import until


async def test_a_log_in_answers_a_token_and_who_it_is(running: Running) -> None:
    await running.create("testuser", real_name="王小明")
    answer = await running.client().post("/user/login", json={"username": "testuser", "password": PASSWORD})
    assert answer.status_code == 200
    body = answer.json()
    assert body["msg"] == "登录成功！"
    assert re.fullmatch(r"rnd_[\w-]{43}", body["token"])
    assert body["user_info"].pop("id") > 0
    assert body["user_info"] == {
        "username": "testuser",
        "name": "王小明",
        "is_superuser": False,
        "must_change_password": False,
    }


async def test_a_session_lasts_24_hours_and_says_so_in_the_platforms_zone(running: Running) -> None:
    bob = await running.user("bob")
    (token,) = await running.rows(
        "SELECT expires_at - created_at AS lasts, expires_at FROM token WHERE user_id = :id", id=bob.user_id
    )
    assert token["lasts"] == timedelta(hours=24)
    body = await bob.log_in("bob")
    assert body["expires_at_utc"].endswith("Z")
    local, utc = body["expires_at"], body["expires_at_utc"]
    assert (int(local[11:13]) - int(utc[11:13])) % 24 == 8
    await running.move_clock(timedelta(hours=24, seconds=1))
    refused = await bob.get("/user/user-view")
    assert (refused.status_code, refused.json()["reason"]) == (401, "expired")


async def test_the_message_is_english_for_who_asks_for_it(running: Running) -> None:
    credentials = {"username": "admin", "password": ADMIN_PASSWORD}
    answer = await running.client().post("/user/login", json=credentials, headers={"Accept-Language": "en"})
    assert answer.json()["msg"] == "Logged in!"


async def test_a_new_log_in_ends_the_older_one_at_once_and_tells_when(running: Running) -> None:
    phone = await running.user("bob")
    laptop = running.client()
    await laptop.log_in("bob")
    assert (await laptop.get("/user/user-view")).status_code == 200
    refused = await phone.get("/user/user-view")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Token"
    body = refused.json()
    assert (body["code"], body["reason"]) == ("not_authenticated", "replaced")
    assert body["msg"] == "身份认证失败，请重新登录"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["replaced_at"])


async def test_concurrent_log_ins_leave_one_live_session(running: Running) -> None:
    await running.create("bob")
    clients = [running.client() for _ in range(4)]
    await asyncio.gather(*(client.log_in("bob") for client in clients))
    alive = [(await client.get("/user/user-view")).status_code for client in clients]
    assert sorted(alive) == [200, 401, 401, 401]


async def test_without_a_token_or_with_an_unknown_one_nobody_is_let_in(running: Running) -> None:
    for headers, reason in (
        ({}, "missing"),
        ({"Authorization": "Bearer x"}, "missing"),
        ({"Authorization": "Token rnd_nobodys"}, "unknown"),
    ):
        answer = await running.client().get("/user/user-view", headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (401, reason)
        assert answer.headers["WWW-Authenticate"] == "Token"


async def test_only_the_hash_of_a_token_is_stored(running: Running) -> None:
    bob = await running.user("bob")
    stored = await running.rows(
        "SELECT t::text AS row FROM token t UNION ALL SELECT convert_from(value, 'utf8') FROM outbox"
    )
    assert all(bob.token not in row["row"] for row in stored)


async def test_a_log_in_sets_last_login_and_no_other_column(running: Running) -> None:
    user_id = await running.create("bob")
    query = "SELECT to_jsonb(u) - 'last_login' - 'revision' AS kept, last_login FROM \"user\" u WHERE id = :id"
    (before,) = await running.rows(query, id=user_id)
    await running.client().log_in("bob")
    (after,) = await running.rows(query, id=user_id)
    assert before["kept"] == after["kept"]
    assert before["last_login"] is None
    assert after["last_login"] is not None


async def test_unknown_name_wrong_password_and_disabled_account_are_one_answer(running: Running) -> None:
    await running.create("bob")
    disabled = await running.create("carol")
    await running.admin.patch("/user/user-view", json={"id": disabled, "is_active": False})
    answers = [
        await running.client().post("/user/login", json={"username": name, "password": password})
        for name, password in (("nobody", PASSWORD), ("bob", "wrong"), ("carol", PASSWORD))
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert [answer.json() for answer in answers] == [{"code": "login_failed", "msg": "密码错误或该账号被禁用！"}] * 3


async def test_a_refusal_takes_the_same_time_whatever_its_cause(running: Running) -> None:
    await running.create("bob")
    disabled = await running.create("carol")
    await running.admin.patch("/user/user-view", json={"id": disabled, "is_active": False})
    client = running.client()

    async def seconds(username: str) -> float:
        started = perf_counter()
        answer = await client.post("/user/login", json={"username": username, "password": "wrong"})
        assert answer.status_code == 403
        return perf_counter() - started

    await seconds("warm-up")
    times: dict[str, list[float]] = {"bob": [], "carol": [], "nobody": []}

    async def are_alike() -> bool:
        for name, taken in times.items():
            taken.append(await seconds(name))
        quickest = sorted(min(taken) for taken in times.values())
        return quickest[-1] < 1.5 * quickest[0]

    for _ in range(3):
        await are_alike()
    await until(are_alike, 10)  # what differs in kind differs in the quickest of any number of times


async def test_log_in_names_what_is_missing_and_refuses_unknown_fields_and_wrong_types(running: Running) -> None:
    client = running.client()
    missing = await client.post("/user/login", json={"username": "admin"})
    assert (missing.status_code, missing.json()["code"], missing.json()["msg"]) == (
        400,
        "missing_parameter",
        "缺少必要参数",
    )
    assert [fault["field"] for fault in missing.json()["errors"]] == ["password"]
    wrong = await client.post("/user/login", json={"username": 1, "password": "x", "remember": True})
    assert wrong.json()["code"] == "invalid_parameter"
    assert {(fault["field"], fault["reason"]) for fault in wrong.json()["errors"]} == {
        ("username", "wrong_type"),
        ("remember", "unknown_field"),
    }
    no_json = await client.post("/user/login", content=b"{", headers={"Content-Type": "application/json"})
    assert no_json.status_code == 400
    assert [(fault["field"], fault["reason"]) for fault in no_json.json()["errors"]] == [("body", "bad_format")]


async def test_names_that_the_database_could_not_hold_are_refused(running: Running) -> None:
    for name in ("a\x00b", "x" * 101):
        answer = await running.client().post("/user/login", json={"username": name, "password": "x"})
        assert answer.status_code == 400, answer.text


async def test_log_out_deletes_the_token(running: Running) -> None:
    bob = await running.user("bob")
    answer = await bob.post("/user/logout")
    assert (answer.status_code, answer.json()) == (200, {"msg": "已退出登录"})
    refused = await bob.get("/user/user-view")
    assert (refused.status_code, refused.json()["reason"]) == (401, "unknown")
    assert (await running.states(bob.user_id))[-1]["credentials"] == []


async def test_every_log_in_is_stated_with_the_one_live_credential(running: Running) -> None:
    bob = await running.user("bob")
    await bob.log_in("bob")
    states = await running.states(bob.user_id)
    assert [state["revision"] for state in states] == [1, 2, 3]
    assert [len(state["credentials"]) for state in states] == [0, 1, 1]
    assert states[1]["credentials"] != states[2]["credentials"]
    assert states[2]["credentials"][0]["kind"] == "session"


async def test_a_disabled_user_is_out_at_once_and_stays_out_when_enabled_again(running: Running) -> None:
    bob = await running.user("bob")
    await running.admin.patch("/user/user-view", json={"id": bob.user_id, "is_active": False})
    assert (await bob.get("/user/user-view")).status_code == 401
    assert (await running.states(bob.user_id))[-1]["credentials"] == []
    await running.admin.patch("/user/user-view", json={"id": bob.user_id, "is_active": True})
    assert (await bob.get("/user/user-view")).status_code == 401
    await bob.log_in("bob")
    assert (await bob.get("/user/user-view")).status_code == 200
