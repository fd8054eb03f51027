"""A user's settings."""

from typing import Any

import pytest

from tests.auth.conftest import Running

FIRST = {
    "environments": {},
    "failed_stop": True,
    "only_failed_log": False,
    "language": "zh",
    "notify": {"email": True},
}


async def test_settings_have_defaults(running: Running) -> None:
    bob = await running.user("bob")
    answer = await bob.get("/user/user-cfg-params")
    assert (answer.status_code, answer.json()) == (200, {"msg": "操作成功", "user_id": bob.user_id, **FIRST})


@pytest.mark.parametrize(
    "subset",
    [
        {"environments": {"7": 3}},
        {"failed_stop": False},
        {"only_failed_log": True},
        {"language": "en"},
        {"notify": {"email": False}},
        {"environments": {"7": 3, "8": 4}, "failed_stop": False, "notify": {"email": False}},
        {},
    ],
)
async def test_any_subset_is_set_and_all_are_answered_and_stated(running: Running, subset: dict[str, Any]) -> None:
    bob = await running.user("bob")
    answer = await bob.post("/user/set-user-cfg", json=subset)
    wanted = {**FIRST, **subset}
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"msg": "设置保存成功", "user_id": bob.user_id, **wanted}
    assert (await bob.get("/user/user-cfg-params")).json()["environments"] == wanted["environments"]
    assert (await running.states(bob.user_id))[-1]["settings"] == wanted


async def test_settings_are_each_users_own(running: Running) -> None:
    bob = await running.user("bob")
    await bob.post("/user/set-user-cfg", json={"language": "en"})
    assert (await running.admin.get("/user/user-cfg-params")).json()["language"] == "zh"


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"failed_stop": 1}, "failed_stop", "wrong_type"),
        ({"failed_stop": None}, "failed_stop", "wrong_type"),
        ({"language": "fr"}, "language", "out_of_range"),
        ({"notify": {"email": True, "sms": True}}, "notify.sms", "unknown_field"),
        ({"environments": {"7": "3"}}, "environments.7", "wrong_type"),
        ({"environments": {"7": 0}}, "environments.7", "out_of_range"),
        ({"user_id": 1}, "user_id", "unknown_field"),
    ],
)
async def test_a_faulty_setting_is_refused_by_name(
    running: Running, body: dict[str, Any], field: str, reason: str
) -> None:
    answer = await running.admin.post("/user/set-user-cfg", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]] == [(field, reason)]


async def test_a_project_of_the_environments_is_an_id(running: Running) -> None:
    answer = await running.admin.post("/user/set-user-cfg", json={"environments": {"x": 3}})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
