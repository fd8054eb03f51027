"""Who is a member of which project: set by user, by project, and undone with either."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from kit.settings import settings
from tests.auth.conftest import Running
from tests.support.wait import until


async def sure(call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """An answer that rests on the catalog's: it has a second, which a busy machine may take."""

    answers = []

    async def answered() -> bool:
        answers.append(await call())
        return answers[-1].status_code != 503

    await until(answered, 30)
    return answers[-1]


async def test_projects_are_assigned_exactly(running: Running) -> None:
    first, second, third = [await running.project(name) for name in ("项目A", "项目B", "项目C")]
    bob = await running.create("testuser")
    await running.admin.post("/user/assign-projects", json={"user_id": bob, "project_ids": [third, first]})
    answer = await running.admin.post("/user/assign-projects", json={"user_id": bob, "project_ids": [second, first]})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "msg": "成功为用户 testuser 分配项目",
        "user_id": bob,
        "username": "testuser",
        "current_projects": [{"id": first, "name": "项目A"}, {"id": second, "name": "项目B"}],
        "project_count": 2,
    }
    assert [state["project_ids"] for state in await running.states(bob)] == [[], [first, third], [first, second]]


async def test_an_empty_list_takes_everything_away(running: Running) -> None:
    project, bob = await running.project(), await running.create("bob")
    await running.admin.post("/user/assign-projects", json={"user_id": bob, "project_ids": [project]})
    answer = await running.admin.post("/user/assign-projects", json={"user_id": bob, "project_ids": []})
    assert (answer.json()["current_projects"], answer.json()["project_count"]) == ([], 0)


async def test_a_project_named_twice_is_one_membership(running: Running) -> None:
    project, bob = await running.project(), await running.create("bob")
    body = {"user_id": bob, "project_ids": [project, project]}
    assert (await running.admin.post("/user/assign-projects", json=body)).json()["project_count"] == 1
    assert len(await running.rows("SELECT 1 FROM membership")) == 1


async def test_the_same_list_again_states_nothing(running: Running) -> None:
    project, bob = await running.project(), await running.create("bob")
    body = {"user_id": bob, "project_ids": [project]}
    await running.admin.post("/user/assign-projects", json=body)
    stated = len(await running.states(bob))
    assert (await running.admin.post("/user/assign-projects", json=body)).status_code == 200
    assert len(await running.states(bob)) == stated


async def test_unknown_ids_are_named_and_nothing_is_changed(running: Running) -> None:
    project, bob = await running.project(), await running.create("bob")
    body = {"user_id": bob, "project_ids": [project, 99998, 99999]}
    answer = await sure(lambda: running.admin.post("/user/assign-projects", json=body))
    assert (answer.status_code, answer.json()["code"], answer.json()["msg"]) == (400, "invalid_parameter", "参数错误")
    assert [(fault["field"], fault["reason"], fault["ids"]) for fault in answer.json()["errors"]] == [
        ("project_ids", "unknown_ids", [99998, 99999]),
    ]
    nobodys = {"user_id": 88888, "project_ids": [99999]}
    both = await sure(lambda: running.admin.post("/user/assign-projects", json=nobodys))
    assert [(fault["field"], fault["ids"]) for fault in both.json()["errors"]] == [
        ("user_id", [88888]),
        ("project_ids", [99999]),
    ]
    assert await running.rows("SELECT 1 FROM membership") == []


async def test_assignments_cannot_be_read_where_they_are_set(running: Running) -> None:
    answer = await running.admin.get("/user/assign-projects")
    assert (answer.status_code, answer.json()) == (405, {"code": "method_not_allowed", "msg": "请求方法不允许"})


async def test_a_project_that_auth_has_not_heard_of_is_asked_about(running: Running) -> None:
    project, bob = await running.project("项目A"), await running.create("bob")
    await until(lambda: running.rows("SELECT 1 FROM known_project"))
    await running.execute("DELETE FROM known_project")
    body = {"user_id": bob, "project_ids": [project]}
    answer = await sure(lambda: running.admin.post("/user/assign-projects", json=body))
    assert (answer.status_code, answer.json()["current_projects"]) == (200, [{"id": project, "name": "项目A"}])


async def test_while_the_catalog_is_down_an_unknown_project_is_no_refusal_for_good(
    running: Running, configured: pytest.MonkeyPatch
) -> None:
    bob = await running.create("bob")
    configured.setenv("ROUNDS_CATALOG_URL", "http://127.0.0.1:1")
    settings.cache_clear()
    body = {"user_id": bob, "project_ids": [99999]}
    answer = await running.admin.post("/user/assign-projects", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_member_may_write_in_the_project_until_the_membership_is_taken(running: Running) -> None:
    project, bob = await running.project(), await running.user("bob")
    modules = f"/catalog/projects/{project}/modules"
    assert (await bob.post(modules, json={"name": "a"})).status_code == 403
    await running.admin.post("/user/assign-projects", json={"user_id": bob.user_id, "project_ids": [project]})
    assert (await bob.post(modules, json={"name": "a"})).status_code == 201
    await running.admin.post("/user/assign-projects", json={"user_id": bob.user_id, "project_ids": []})

    async def refused() -> bool:
        return (await bob.post(modules, json={"name": "b"})).status_code == 403

    await until(refused, timeout=2)


async def test_members_are_listed_for_everybody_and_set_by_superusers(running: Running) -> None:
    project = await running.project()
    bob, carol, dave = await running.user("bob"), await running.create("carol"), await running.create("dave")
    path = f"/user/projects/{project}/members"
    await running.admin.put(path, json={"user_ids": [bob.user_id, carol]})
    answer = await running.admin.put(path, json={"user_ids": [dave, bob.user_id]})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["total"], [user["id"] for user in answer.json()["data"]]) == (2, [bob.user_id, dave])
    assert [len(await running.states(user)) for user in (bob.user_id, carol, dave)] == [3, 3, 2]
    listed = (await bob.get(path, params={"page_size": 1, "page": 2})).json()
    assert listed == {
        "msg": "操作成功",
        "total": 2,
        "page": 2,
        "page_size": 1,
        "data": [{"id": dave, "username": "dave", "real_name": "dave"}],
    }


async def test_both_ways_to_set_memberships_write_the_same_rows(running: Running) -> None:
    project, bob = await running.project(), await running.create("bob")
    await running.admin.post("/user/assign-projects", json={"user_id": bob, "project_ids": [project]})
    members = (await running.admin.get(f"/user/projects/{project}/members")).json()["data"]
    assert [user["id"] for user in members] == [bob]
    await running.admin.put(f"/user/projects/{project}/members", json={"user_ids": []})
    (row,) = (await running.admin.get("/user/user-view", params={"search": "bob"})).json()["data"]
    assert row["projects"] == []


async def test_unknown_members_and_projects_are_refused(running: Running) -> None:
    project = await running.project()
    answer = await running.admin.put(f"/user/projects/{project}/members", json={"user_ids": [77777]})
    assert answer.status_code == 400
    assert [(fault["field"], fault["ids"]) for fault in answer.json()["errors"]] == [("user_ids", [77777])]
    for response in (
        await sure(lambda: running.admin.put("/user/projects/99999/members", json={"user_ids": []})),
        await sure(lambda: running.admin.put("/user/projects/99999/members", json={"user_ids": ["x"]})),
        await sure(lambda: running.admin.get("/user/projects/99999/members")),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


async def test_deleting_a_project_takes_its_members_rights_away(running: Running) -> None:
    project, other = await running.project(), await running.project()
    bob, carol = await running.create("bob"), await running.create("carol")
    for user in (bob, carol):
        await running.admin.post("/user/assign-projects", json={"user_id": user, "project_ids": [project, other]})
    assert (await running.admin.delete(f"/catalog/projects/{project}")).status_code == 204

    async def stated() -> bool:
        return [(await running.states(user))[-1]["project_ids"] for user in (bob, carol)] == [[other], [other]]

    await until(stated)
    assert (await sure(lambda: running.admin.get(f"/user/projects/{project}/members"))).status_code == 404
    body = {"user_id": bob, "project_ids": [project]}
    assert (await sure(lambda: running.admin.post("/user/assign-projects", json=body))).status_code == 400


async def test_concurrent_settings_of_one_projects_members_leave_one_of_the_lists(running: Running) -> None:
    project = await running.project()
    users = [await running.create(f"user{number}") for number in range(4)]
    lists = [users[:2], users[2:], users[1:3]]
    path = f"/user/projects/{project}/members"
    for _ in range(5):
        answers = await asyncio.gather(*(running.admin.put(path, json={"user_ids": wanted}) for wanted in lists))
        assert {answer.status_code for answer in answers} == {200}
        left = [user["id"] for user in (await running.admin.get(path)).json()["data"]]
        assert left in lists
        (row,) = await running.rows("SELECT array_agg(user_id ORDER BY user_id) AS ids FROM membership")
        assert row["ids"] == left


async def test_assignments_and_member_lists_at_once_do_not_wait_for_each_other_for_ever(running: Running) -> None:
    projects = [await running.project() for _ in range(3)]
    users = [await running.create(f"user{number}") for number in range(3)]
    calls = [
        running.admin.post("/user/assign-projects", json={"user_id": user, "project_ids": projects}) for user in users
    ] + [running.admin.put(f"/user/projects/{project}/members", json={"user_ids": users[::-1]}) for project in projects]
    assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
    assert len(await running.rows("SELECT 1 FROM membership")) == 9
