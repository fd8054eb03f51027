"""Changing the own password."""

from typing import Any

import pytest

from tests.auth.conftest import PASSWORD, Running

NEW = "a brand new password"


async def test_a_changed_password_ends_the_session_and_opens_the_next(running: Running) -> None:
    bob = await running.user("bob")
    answer = await bob.post("/user/change-password", json={"old_password": PASSWORD, "password": NEW})
    assert (answer.status_code, answer.json()) == (200, {"msg": "密码修改成功，请重新登录"})
    assert (await bob.get("/user/user-view")).status_code == 401
    old = await running.client().post("/user/login", json={"username": "bob", "password": PASSWORD})
    assert old.status_code == 403
    await bob.log_in("bob", NEW)
    assert (await bob.get("/user/user-view")).status_code == 200


@pytest.mark.parametrize(
    ("old_password", "password", "expected"),
    [
        ("not the old one", NEW, {("old_password", "wrong")}),
        (PASSWORD, "7 chars", {("password", "out_of_range")}),
        (PASSWORD, "123456", {("password", "out_of_range")}),
        ("not the old one", "short", {("old_password", "wrong"), ("password", "out_of_range")}),
    ],
)
async def test_a_wrong_old_or_a_poor_new_password_changes_nothing(
    running: Running, old_password: str, password: str, expected: set[tuple[str, str]]
) -> None:
    bob = await running.user("bob")
    answer = await bob.post("/user/change-password", json={"old_password": old_password, "password": password})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert {(fault["field"], fault["reason"]) for fault in answer.json()["errors"]} == expected
    assert (await bob.get("/user/user-view")).status_code == 200


@pytest.mark.parametrize("body", [{}, {"old_password": PASSWORD}, {"password": NEW}])
async def test_both_passwords_are_needed(running: Running, body: dict[str, Any]) -> None:
    answer = await running.admin.post("/user/change-password", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_parameter")


async def test_guessing_the_old_password_is_locked_out_too(running: Running) -> None:
    bob = await running.user("bob")
    guess = {"old_password": "a guess", "password": NEW}
    statuses = [(await bob.post("/user/change-password", json=guess)).status_code for _ in range(6)]
    assert statuses == [400] * 5 + [429]


async def test_a_poor_new_password_is_no_failed_attempt_at_the_old_one(running: Running) -> None:
    bob = await running.user("bob")
    poor = {"old_password": PASSWORD, "password": "short"}
    assert {(await bob.post("/user/change-password", json=poor)).status_code for _ in range(6)} == {400}
    changed = await bob.post("/user/change-password", json={"old_password": PASSWORD, "password": NEW})
    assert changed.status_code == 200


async def test_no_password_is_written_to_the_audit_or_the_outbox(running: Running) -> None:
    bob = await running.user("bob")
    await bob.post("/user/change-password", json={"old_password": PASSWORD, "password": NEW})
    (row,) = await running.rows('SELECT password_hash FROM "user" WHERE id = :id', id=bob.user_id)
    written = await running.rows(
        "SELECT a::text AS text FROM audit a UNION ALL SELECT convert_from(value, 'utf8') FROM outbox",
    )
    for secret in (PASSWORD, NEW, bob.token, row["password_hash"]):
        assert all(secret not in each["text"] for each in written)
