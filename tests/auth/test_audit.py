"""Who did what to which object."""

from datetime import timedelta
from typing import Any

import pytest

from tests.auth.conftest import PASSWORD, Running


async def entries(running: Running, **only: Any) -> list[dict[str, Any]]:
    answer = await running.admin.get("/user/audit", params=only)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_an_edit_is_written_down_with_what_it_changed(running: Running) -> None:
    bob = await running.create("bob", email="bob@example.com")
    change = {"id": bob, "is_active": False, "password": "another-password", "real_name": "bob"}
    edited = await running.admin.patch("/user/user-view", json=change)
    (entry,) = await entries(running, action="user.updated")
    assert entry.pop("id") > 0
    assert entry.pop("at_utc").endswith("Z")
    assert len(entry.pop("at")) == 19
    assert entry == {
        "actor": {"id": running.admin.user_id, "username": "admin"},
        "action": "user.updated",
        "object_type": "user",
        "object_id": bob,
        "object_name": "bob",
        "before": {"is_active": True},
        "after": {"is_active": False, "password": "***"},
        "address": "",
        "request_id": edited.headers["X-Request-ID"],
    }


async def test_every_change_is_written_down(running: Running) -> None:
    bob = await running.user("bob")
    project = await running.project()
    await running.admin.post("/user/assign-projects", json={"user_id": bob.user_id, "project_ids": [project]})
    await running.admin.put(f"/user/projects/{project}/members", json={"user_ids": []})
    await bob.post("/user/set-user-cfg", json={"language": "en"})
    new = {"name": "CI", "scopes": ["read"], "expires_at": "2099-01-01T00:00:00"}
    token = (await bob.post("/user/tokens", json=new)).json()["id"]
    await bob.delete(f"/user/tokens?id={token}")
    await bob.post("/user/change-password", json={"old_password": PASSWORD, "password": "another-password"})
    await bob.log_in("bob", "another-password")
    await bob.post("/user/logout")
    await running.client().post("/user/login", json={"username": "bob", "password": "a guess"})
    await running.admin.delete(f"/user/user-view?id={bob.user_id}")
    assert [entry["action"] for entry in await entries(running)] == [
        "user.deleted",
        "session.refused",
        "session.ended",
        "session.started",
        "user.password_changed",
        "token.deleted",
        "token.created",
        "user.settings_changed",
        "project.members_set",
        "user.projects_assigned",
        "session.started",
        "user.created",
        "session.started",
    ]
    (settings_changed,) = await entries(running, action="user.settings_changed")
    assert (settings_changed["before"], settings_changed["after"]) == ({"language": "zh"}, {"language": "en"})
    (assigned,) = await entries(running, action="user.projects_assigned")
    assert (assigned["before"], assigned["after"]) == ({"project_ids": []}, {"project_ids": [project]})


async def test_a_refused_log_in_is_written_down_without_an_actor(running: Running) -> None:
    bob = await running.create("bob")
    for name in ("bob", "nobody"):
        await running.client().post("/user/login", json={"username": name, "password": "a guess"})
    nobody, known = await entries(running, action="session.refused")
    assert (known["actor"], known["object_id"], known["object_name"]) == (None, bob, "bob")
    assert (nobody["object_id"], nobody["object_name"], nobody["address"]) == (None, "", "127.0.0.1")


async def test_a_refused_edit_is_not_written_down(running: Running) -> None:
    await running.create("bob")
    await running.admin.post("/user/user-view", json={"username": "bob"})
    assert len(await entries(running, action="user.created")) == 1


async def test_the_audit_is_filtered_and_paged(running: Running) -> None:
    bob = await running.user("bob")
    await bob.post("/user/set-user-cfg", json={"language": "en"})
    await running.create("carol")
    by_bob = await entries(running, actor_id=bob.user_id)
    assert [entry["action"] for entry in by_bob] == ["user.settings_changed", "session.started"]
    about_bob = await entries(running, object_type="user", object_id=bob.user_id)
    assert [entry["action"] for entry in about_bob] == ["user.settings_changed", "session.started", "user.created"]
    moment = about_bob[0]["at"]
    await running.move_clock(timedelta(hours=1))
    await running.create("dave")
    newer = await entries(running, since=await hour_later(running))
    assert [entry["object_name"] for entry in newer] == ["dave"]
    older = await entries(running, until=moment)
    assert "dave" not in [entry["object_name"] for entry in older]
    page = (await running.admin.get("/user/audit", params={"page": 2, "page_size": 2})).json()
    assert (page["total"], len(page["data"])) == (6, 2)


async def hour_later(running: Running) -> str:
    (row,) = await running.rows(
        "SELECT to_char((now() + interval '30 minutes') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS at",
    )
    return str(row["at"])


@pytest.mark.parametrize("query", ["actor_id=x", "since=yesterday", "object_id=0", "action=%00"])
async def test_an_audit_asked_for_wrongly_is_refused(running: Running, query: str) -> None:
    answer = await running.admin.get(f"/user/audit?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
