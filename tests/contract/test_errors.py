"""Every error of the contract, as users read it; and which one comes first."""

import json

import httpx
import pytest

from cli.docs import whole
from kit.errors import AppError, DependencyUnavailable
from kit.messages import translate
from tests.contract.world import BODIES, World, operations
from tests.support.platform import USER_PASSWORD, Platform

TEXTS = {
    "missing_parameter": (400, "缺少必要参数"),
    "invalid_parameter": (400, "参数错误"),
    "not_authenticated": (401, "身份认证失败，请重新登录"),
    "login_failed": (403, "密码错误或该账号被禁用！"),
    "must_change_password": (403, "首次登录请先修改密码"),
    "permission_denied": (403, "没有操作权限"),
    "task_not_found": (404, "任务不存在"),
    "not_found": (404, "资源不存在"),
    "method_not_allowed": (405, "请求方法不允许"),
    "task_not_pending": (409, "只能操作待执行(pending)的任务，当前状态：cancelled"),
    "payload_too_large": (413, "内容过大"),
    "too_many_attempts": (429, "尝试过于频繁，请稍后再试"),
}


async def test_every_error_says_the_contracts_words_in_chinese(world: World) -> None:
    member, stranger = world.callers["member"], world.callers["stranger"]
    for caller in world.callers.values():
        caller.headers["Accept-Language"] = "zh"
    cancel = "/api-data/cancel-scheduled-task"
    cancelled = await member.post(cancel, json={"task_id": world.ids["to_cancel"]})
    assert cancelled.json()["msg"] == "定时任务已取消"
    answers = {
        "missing_parameter": await member.post("/api-data/schedule-api-cases", json={"task_id": 1}),
        "invalid_parameter": await member.get("/api-data/scheduled-tasks?page_size=201"),
        "not_authenticated": await world.callers["anonymous"].get("/runs"),
        "login_failed": await world.callers["anonymous"].post("/user/login", json={"username": "x", "password": "y"}),
        "must_change_password": await world.callers["newcomer"].get("/runs"),
        "permission_denied": await stranger.delete(f"/catalog/cases/{world.ids['case_id']}"),
        "task_not_found": await member.post(cancel, json={"task_id": 999_999}),
        "not_found": await member.get("/catalog/cases/999999"),
        "method_not_allowed": await member.get("/user/assign-projects"),
        "task_not_pending": await member.post(cancel, json={"task_id": world.ids["to_cancel"]}),
        "payload_too_large": await member.post("/catalog/projects", content=b" " * 2_000_000),
        "too_many_attempts": await _locked_out(world.platform),
    }
    said = {code: (answer.json()["code"], answer.status_code, answer.json()["msg"]) for code, answer in answers.items()}
    assert said == {code: (code, *expected) for code, expected in TEXTS.items()}


async def _locked_out(platform: Platform) -> httpx.Response:
    client = await platform.client(**{"Accept-Language": "zh"})
    for _ in range(6):
        answer = await client.post("/user/login", json={"username": "guest", "password": "wrong"})
    assert int(answer.headers["Retry-After"]) > 0
    return answer


def test_faults_of_ours_say_the_contracts_words_in_chinese() -> None:
    said = [
        (error.code, error.status, translate(error.message, {}, "zh")) for error in (AppError, DependencyUnavailable)
    ]
    assert said == [
        ("internal_error", 500, "服务器内部错误"),
        ("dependency_unavailable", 503, "依赖服务暂不可用，请稍后重试"),
    ]


async def test_successes_say_the_contracts_words_in_chinese(world: World) -> None:
    member, admin = world.callers["member"], world.platform.admin
    for caller in (member, admin):
        caller.headers["Accept-Language"] = "zh"
    save = "/api-data/schedule-api-cases"
    body = BODIES[f"POST {save}"](world)
    assigned = {"user_id": world.ids["member"], "project_ids": [world.ids["project_id"]]}
    logged_in = await admin.post("/user/login", json={"username": "guest", "password": USER_PASSWORD})
    said = [
        logged_in.json()["msg"],
        (await member.post(save, json=body)).json()["msg"],
        (await member.post(save, json={**body, "task_id": world.ids["to_cancel"]})).json()["msg"],
        (await admin.post("/user/assign-projects", json=assigned)).json()["msg"],
    ]
    assert said == ["登录成功！", "定时任务创建成功", "定时任务更新成功", "成功为用户 member 分配项目"]


def _takes_a_token(operation: str) -> bool:
    method, _, path = operation.partition(" ")
    return {"Token": []} in (
        security := whole()["paths"][path][method.lower()].get("security", [])
    ) and {} not in security


@pytest.mark.parametrize("content", [b"{", b'{"name": "\xff"}', b"", b"[]"])
async def test_who_has_no_token_is_told_so_before_the_body_is_judged(
    demo: None, platform: Platform, content: bytes
) -> None:
    client = await platform.client()
    for operation in filter(_takes_a_token, operations()):
        method, _, path = operation.partition(" ")
        headers = {"Content-Type": "application/json"}
        answer = await client.request(method, path.replace("{", "").replace("}", ""), content=content, headers=headers)
        assert answer.status_code == 401, f"{operation}: {answer.text}"
        assert answer.headers["WWW-Authenticate"] == "Token"


async def test_who_must_change_the_password_is_told_so_before_the_body_is_judged(platform: Platform) -> None:
    await platform.admin.post("/user/user-view", json={"username": "newcomer"})
    client = await platform.client("newcomer", "123456")
    for path in ("/catalog/projects", "/user/user-view", "/runs", "/notifications/channels"):
        answer = await client.post(path, content=b"{", headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (403, "must_change_password")


async def test_json_is_taken_whatever_its_content_type_says(world: World) -> None:
    credentials = json.dumps({"username": "guest", "password": USER_PASSWORD}).encode()
    anonymous, admin = world.callers["anonymous"], world.platform.admin
    for kind in ("application/x-www-form-urlencoded", "text/plain; charset=utf-8", "multipart/form-data", "x", None):
        headers = {} if kind is None else {"Content-Type": kind}
        answer = await anonymous.post("/user/login", content=credentials, headers=headers)
        assert answer.status_code == 200, answer.text
        made = await admin.post("/catalog/projects", content=b'{"name": "of curl"}', headers=headers)
        assert made.status_code == 201, made.text

    form = await anonymous.post("/user/login", data={"username": "guest", "password": USER_PASSWORD})
    assert (form.status_code, form.json()["errors"][0]["field"]) == (400, "body")
    assert form.json()["errors"][0]["reason"] == "bad_format"
