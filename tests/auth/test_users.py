"""Users: made, listed, edited, deleted by superusers."""

import asyncio
from typing import Any

import pytest

from services.auth.settings import auth_settings
from tests.auth.conftest import PASSWORD, Running


def faults(answer: Any) -> set[tuple[str, str]]:
    return {(fault["field"], fault["reason"]) for fault in answer.json()["errors"]}


async def test_a_superuser_creates_a_user(running: Running) -> None:
    new = {
        "username": "testuser",
        "real_name": "王小明",
        "email": "wang@example.com",
        "password": PASSWORD,
        "is_superuser": True,
    }
    answer = await running.admin.post("/user/user-view", json=new)
    assert answer.status_code == 200
    body = answer.json()
    assert body["msg"] == "用户创建成功"
    assert body["user"].pop("id") > 0
    assert body["user"] == {
        "username": "testuser",
        "real_name": "王小明",
        "email": "wang@example.com",
        "is_active": True,
        "is_superuser": True,
        "must_change_password": False,
        "last_login": None,
        "last_login_utc": None,
        "projects": [],
    }


async def test_a_password_is_stored_as_an_argon2id_hash(running: Running) -> None:
    user_id = await running.create("bob")
    (row,) = await running.rows('SELECT password_hash FROM "user" WHERE id = :id', id=user_id)
    assert row["password_hash"].startswith("$argon2id$")


async def test_a_new_user_is_stated_whole(running: Running) -> None:
    user_id = await running.create("bob", email="bob@example.com")
    assert await running.states(user_id) == [
        {
            "id": user_id,
            "revision": 1,
            "deleted": False,
            "username": "bob",
            "real_name": "bob",
            "email": "bob@example.com",
            "is_active": True,
            "is_superuser": False,
            "must_change_password": False,
            "project_ids": [],
            "settings": {
                "environments": {},
                "failed_stop": True,
                "only_failed_log": False,
                "language": "zh",
                "notify": {"email": True},
            },
            "credentials": [],
        },
    ]


async def test_a_user_without_a_password_must_change_the_default_one_first(running: Running) -> None:
    await running.admin.post("/user/user-view", json={"username": "bob"})
    bob = running.client()
    body = await bob.log_in("bob", "123456")
    assert body["user_info"]["must_change_password"] is True
    for method, path in (("GET", "/user/user-view"), ("POST", "/user/logout"), ("GET", "/user/tokens")):
        refused = await bob.request(method, path)
        assert (refused.status_code, refused.json()) == (
            403,
            {"code": "must_change_password", "msg": "首次登录请先修改密码"},
        )
    elsewhere = await bob.get("/catalog/projects")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "must_change_password")
    changed = await bob.post("/user/change-password", json={"old_password": "123456", "password": PASSWORD})
    assert changed.status_code == 200, changed.text
    await bob.log_in("bob")
    assert (await bob.get("/user/user-view")).status_code == 200


async def test_the_default_password_is_configured(running: Running, configured: pytest.MonkeyPatch) -> None:
    configured.setenv("ROUNDS_AUTH_DEFAULT_PASSWORD", "welcome to rounds")
    auth_settings.cache_clear()
    await running.admin.post("/user/user-view", json={"username": "bob"})
    bob = running.client()
    await bob.log_in("bob", "welcome to rounds")
    change = {"old_password": "welcome to rounds", "password": "welcome to rounds"}
    assert faults(await bob.post("/user/change-password", json=change)) == {("password", "wrong")}


async def test_a_short_password_given_by_a_superuser_must_be_changed_first(running: Running) -> None:
    body = (await running.admin.post("/user/user-view", json={"username": "bob", "password": "short"})).json()
    assert body["user"]["must_change_password"] is True


async def test_a_taken_name_is_a_duplicate(running: Running) -> None:
    await running.create("bob")
    carol = await running.create("carol")
    for answer in (
        await running.admin.post("/user/user-view", json={"username": "bob"}),
        await running.admin.patch("/user/user-view", json={"id": carol, "username": "bob"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
        assert faults(answer) == {("username", "duplicate")}


async def test_of_two_users_made_at_once_with_one_name_one_is_a_duplicate(running: Running) -> None:
    new = {"username": "bob", "password": PASSWORD}
    answers = await asyncio.gather(*(running.admin.post("/user/user-view", json=new) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    (refused,) = [answer for answer in answers if answer.status_code == 400]
    assert faults(refused) == {("username", "duplicate")}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"username": ""}, {("username", "out_of_range")}),
        ({"username": " bob"}, {("username", "bad_format")}),
        ({"username": "a\x00b"}, {("username", "bad_format")}),
        ({"username": "x" * 101}, {("username", "out_of_range")}),
        ({"username": 7, "is_superuser": 1}, {("username", "wrong_type"), ("is_superuser", "wrong_type")}),
        ({"username": "bob", "email": "no address"}, {("email", "bad_format")}),
        ({"username": "bob", "nickname": "b"}, {("nickname", "unknown_field")}),
    ],
)
async def test_a_faulty_user_is_refused_by_naming_each_field(
    running: Running, body: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    answer = await running.admin.post("/user/user-view", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert faults(answer) == expected
    assert await running.rows('SELECT 1 FROM "user" WHERE NOT is_first') == []


async def test_text_that_is_no_unicode_is_refused(running: Running) -> None:
    content = b'{"username": "a\\ud800b"}'
    answer = await running.admin.post("/user/user-view", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, faults(answer)) == (400, {("username", "bad_format")})


async def test_a_user_needs_a_name(running: Running) -> None:
    answer = await running.admin.post("/user/user-view", json={"real_name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_parameter")
    assert faults(answer) == {("username", "missing")}


@pytest.mark.parametrize("name", ["王小明", "🦊🌊", "مرحبا بالعالم", "x" * 100, "a b'c\"d;--"])
async def test_any_text_is_a_name(running: Running, name: str) -> None:
    await running.create(name, real_name=name)
    client = running.client()
    assert (await client.log_in(name))["user_info"]["username"] == name
    assert (await client.get("/user/user-view", params={"search": name})).json()["total"] == 1
    assert (await client.get("/user/verify")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/user/user-view", {"username": "eve"}),
        ("PATCH", "/user/user-view", {"id": 1, "real_name": "x"}),
        ("DELETE", "/user/user-view?id=1", None),
        ("POST", "/user/assign-projects", {"user_id": 1, "project_ids": []}),
        ("PUT", "/user/projects/1/members", {"user_ids": []}),
        ("GET", "/user/audit", None),
    ],
)
async def test_only_superusers_may(running: Running, method: str, path: str, body: dict[str, Any] | None) -> None:
    if path == "/user/projects/1/members":
        path = f"/user/projects/{await running.project()}/members"
    bob = await running.user("bob")
    refused = await bob.request(method, path, json=body)
    assert (refused.status_code, refused.json()) == (403, {"code": "permission_denied", "msg": "没有操作权限"})
    assert (await running.client().request(method, path, json=body)).status_code == 401


async def test_everybody_sees_who_the_users_are_and_superusers_see_all(running: Running) -> None:
    bob = await running.user("bob", email="bob@example.com")
    project = await running.project("项目A")
    await running.admin.post("/user/assign-projects", json={"user_id": bob.user_id, "project_ids": [project]})
    for_bob = (await bob.get("/user/user-view", params={"search": "bob"})).json()
    assert for_bob == {
        "msg": "操作成功",
        "total": 1,
        "page": 1,
        "page_size": 20,
        "data": [{"id": bob.user_id, "username": "bob", "real_name": "bob", "is_active": True}],
    }
    (row,) = (await running.admin.get("/user/user-view", params={"search": "bob"})).json()["data"]
    assert row["last_login"] is not None
    assert row.pop("last_login_utc").endswith("Z")
    row.pop("last_login")
    assert row == {
        "id": bob.user_id,
        "username": "bob",
        "real_name": "bob",
        "is_active": True,
        "email": "bob@example.com",
        "is_superuser": False,
        "must_change_password": False,
        "projects": [{"id": project, "name": "项目A"}],
    }


async def test_the_list_is_filtered_sorted_and_paged(running: Running) -> None:
    for name in ("carol", "bob", "dave_1"):
        await running.create(name, real_name=f"R {name}")
    (carol,) = (await running.admin.get("/user/user-view?search=CAROL")).json()["data"]
    await running.admin.patch("/user/user-view", json={"id": carol["id"], "is_active": False})

    async def names(**query: Any) -> list[str]:
        answer = await running.admin.get("/user/user-view", params=query)
        assert answer.status_code == 200, answer.text
        return [user["username"] for user in answer.json()["data"]]

    assert await names() == ["admin", "carol", "bob", "dave_1"]
    assert await names(sort="username") == ["admin", "bob", "carol", "dave_1"]
    assert await names(sort="-username", page_size=2, page=2) == ["bob", "admin"]
    assert (await names(sort="-last_login"))[0] == "admin"
    assert await names(is_active="false") == ["carol"]
    assert await names(is_active="true") == ["admin", "bob", "dave_1"]
    assert await names(search="_") == ["dave_1"]
    assert await names(search="%") == []
    assert await names(search="r bo") == ["bob"]


@pytest.mark.parametrize(
    "query", ["page_size=201", "page=0", "page=x", "is_active=perhaps", "sort=password", "search=%00"]
)
async def test_a_list_asked_for_wrongly_is_refused(running: Running, query: str) -> None:
    answer = await running.admin.get(f"/user/user-view?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


async def test_an_edit_changes_what_is_given_and_nothing_else(running: Running) -> None:
    bob = await running.user("bob", email="bob@example.com")
    answer = await running.admin.patch("/user/user-view", json={"id": bob.user_id, "real_name": "Robert"})
    assert answer.status_code == 200
    user = answer.json()["user"]
    assert (user["username"], user["real_name"], user["email"]) == ("bob", "Robert", "bob@example.com")
    assert (await bob.get("/user/user-view")).status_code == 200
    assert (await running.states(bob.user_id))[-1]["real_name"] == "Robert"


async def test_null_is_no_value_of_what_an_edit_names(running: Running) -> None:
    bob = await running.create("bob")
    body = {"id": bob, "username": None, "is_active": None}
    answer = await running.admin.patch("/user/user-view", json=body)
    assert answer.status_code == 400
    assert faults(answer) == {("username", "wrong_type"), ("is_active", "wrong_type")}


async def test_a_new_password_by_a_superuser_ends_the_session(running: Running) -> None:
    bob = await running.user("bob")
    await running.admin.patch("/user/user-view", json={"id": bob.user_id, "password": "another-password"})
    assert (await bob.get("/user/user-view")).status_code == 401
    await bob.log_in("bob", "another-password")
    await running.admin.patch("/user/user-view", json={"id": bob.user_id, "password": None})
    body = await bob.log_in("bob", "123456")
    assert body["user_info"]["must_change_password"] is True


async def test_the_first_superuser_keeps_name_right_and_life(running: Running) -> None:
    other = await running.user("root2", is_superuser=True)
    first = running.admin.user_id
    for change in ({"username": "boss"}, {"is_active": False}, {"is_superuser": False}):
        refused = await other.patch("/user/user-view", json={"id": first, **change})
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert (await other.delete(f"/user/user-view?id={first}")).status_code == 403
    same = {"id": first, "username": "admin", "is_active": True, "is_superuser": True, "real_name": "管理员"}
    assert (await other.patch("/user/user-view", json=same)).status_code == 200


async def test_nobody_deletes_oneself(running: Running) -> None:
    other = await running.user("root2", is_superuser=True)
    refused = await other.delete(f"/user/user-view?id={other.user_id}")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


async def test_a_deleted_user_is_out_and_only_the_name_stays(running: Running) -> None:
    bob = await running.user("bob", email="bob@example.com", real_name="Bob")
    project = await running.project()
    await running.admin.post("/user/assign-projects", json={"user_id": bob.user_id, "project_ids": [project]})
    answer = await running.admin.delete(f"/user/user-view?id={bob.user_id}")
    assert (answer.status_code, answer.json()) == (200, {"msg": "用户删除成功"})
    assert (await bob.get("/user/user-view")).status_code == 401
    refused = await running.client().post("/user/login", json={"username": "bob", "password": PASSWORD})
    assert refused.status_code == 403
    assert (await running.admin.get("/user/user-view", params={"search": "bob"})).json()["total"] == 0
    assert (await running.admin.get(f"/user/projects/{project}/members")).json()["data"] == []
    assert (await running.admin.get(f"/catalog/projects/{project}")).status_code == 200
    last = (await running.states(bob.user_id))[-1]
    assert {name: value for name, value in last.items() if value is not None} == {
        "id": bob.user_id,
        "revision": 4,
        "deleted": True,
        "username": "bob",
        "real_name": "Bob",
    }
    assert (await running.admin.delete(f"/user/user-view?id={bob.user_id}")).status_code == 404


async def test_the_name_of_a_deleted_user_may_be_taken_again(running: Running) -> None:
    bob = await running.create("bob")
    await running.admin.delete(f"/user/user-view?id={bob}")
    assert await running.create("bob") != bob


async def test_nobody_is_not_found(running: Running) -> None:
    for answer in (
        await running.admin.patch("/user/user-view", json={"id": 99999, "real_name": "x"}),
        await running.admin.delete("/user/user-view?id=99999"),
    ):
        assert (answer.status_code, answer.json()) == (404, {"code": "not_found", "msg": "资源不存在"})
    for path in ("/user/user-view?id=x", "/user/user-view?id=99999999999999"):
        assert (await running.admin.delete(path)).status_code == 400
    assert (await running.admin.delete("/user/user-view")).json()["code"] == "missing_parameter"


async def test_concurrent_edits_of_a_user_are_stated_in_order(running: Running) -> None:
    bob = await running.create("bob")
    edits = [{"id": bob, "real_name": f"Bob {number}"} for number in range(10)]
    answers = await asyncio.gather(*(running.admin.patch("/user/user-view", json=edit) for edit in edits))
    assert {answer.status_code for answer in answers} == {200}
    states = await running.states(bob)
    assert [state["revision"] for state in states] == list(range(1, 12))
    assert len({state["real_name"] for state in states}) == 11
