"""Chats get a short plain text in the shape that each of them reads, and a refusal is not taken for success."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from aiohttp import web

from services.notifier.settings import notifier_settings
from tests.notifier.conftest import Notifier, case, project_changed, run_completed
from tests.support.wait import until

ACCEPTED = {"feishu": {"code": 0}, "dingtalk": {"errcode": 0}, "wecom": {"errcode": 0}, "slack": {}, "teams": {}}


@asynccontextmanager
async def robot(answer: dict[str, Any]) -> AsyncIterator[tuple[str, list[tuple[dict[str, str], dict[str, Any]]]]]:
    """A chat's robot: its address, and what it was told."""
    told: list[tuple[dict[str, str], dict[str, Any]]] = []

    async def hear(request: web.Request) -> web.Response:
        told.append((dict(request.query), await request.json()))
        return web.json_response(answer)

    app = web.Application()
    app.router.add_post("/robot", hear)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/robot", told
    finally:
        await runner.cleanup()


@pytest.fixture
async def member(notifier: Notifier, configured: pytest.MonkeyPatch) -> httpx.AsyncClient:
    """A member of project 7, whose channels may be on this machine."""
    configured.setenv("ROUNDS_EXECUTOR_EGRESS_ALLOW", "127.0.0.0/8")
    notifier_settings.cache_clear()
    await notifier.deliver(project_changed(7))
    return await notifier.user(3, project_ids=[7])


async def create(client: httpx.AsyncClient, kind: str, url: str, **more: Any) -> None:
    body = {"project_id": 7, "name": kind, "kind": kind, "url": url, **more}
    answer = await client.post("/notifications/channels", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["secret"] == more.get("secret")


def text_of(kind: str, message: dict[str, Any]) -> str:
    if kind == "feishu":
        return str(message["content"]["text"])
    if kind in {"dingtalk", "wecom"}:
        return str(message["text"]["content"])
    if kind == "slack":
        return str(message["text"])
    card = message["attachments"][0]["content"]
    lines = [run["text"] for block in card["body"] for run in block["inlines"]]
    return "\n".join([*lines, card["actions"][0]["url"]])


@pytest.mark.parametrize("kind", sorted(ACCEPTED))
async def test_a_chat_is_told_what_failed_and_where_the_report_is(
    notifier: Notifier, member: httpx.AsyncClient, kind: str
) -> None:
    async with robot(ACCEPTED[kind]) as (url, told):
        await create(member, kind, url, language="en")
        notifier.start()
        run = run_completed([case(22), case(20, "failed", name="pay <b>")], owner_ids=[])
        await notifier.deliver(run)
        assert list((await notifier.settled()).values()) == ["sent"]
    ((_, message),) = told
    lines = text_of(kind, message).splitlines()
    assert lines[0] == "[Failed 50%] 每日巡检"
    assert lines[1] == ("80%  pay &lt;b&gt;" if kind == "slack" else "80%  pay <b>")
    assert "2 in all: 1 passed, 1 failed" in lines[2]
    assert lines[-1] == f"https://rounds.example.test/console/runs/{run.run_id}"


@pytest.mark.parametrize(
    ("kind", "answer", "status"),
    [
        ("feishu", {"code": 19021, "msg": "sign match fail"}, "failed"),
        ("feishu", {"code": 11232, "msg": "too many requests"}, "queued"),
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, "failed"),
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, "failed"),
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, "queued"),
        ("wecom", {"hello": "I am something else"}, "failed"),
    ],
)
async def test_a_refusal_with_http_200_is_a_refusal(
    notifier: Notifier, member: httpx.AsyncClient, kind: str, answer: dict[str, Any], status: str
) -> None:
    async with robot(answer) as (url, _):
        await create(member, kind, url)
        notifier.start()
        await notifier.deliver(run_completed(owner_ids=[]))
        (row,) = await until(lambda: notifier.rows("SELECT status, error FROM delivery WHERE error IS NOT NULL"))
    assert row["status"] == status
    assert kind in row["error"]


async def test_feishu_and_dingtalk_get_the_signatures_that_they_ask_for(
    notifier: Notifier, member: httpx.AsyncClient
) -> None:
    async with robot({"code": 0, "errcode": 0}) as (url, told):
        await create(member, "feishu", url, secret="SEC1")
        await create(member, "dingtalk", f"{url}?access_token=t", secret="SEC2")
        notifier.start()
        await notifier.deliver(run_completed(owner_ids=[]))
        await notifier.settled()
    feishu = next(message for query, message in told if not query)
    signed = hmac.new(f"{feishu['timestamp']}\nSEC1".encode(), b"", hashlib.sha256)
    assert feishu["sign"] == base64.b64encode(signed.digest()).decode()
    dingtalk = next(query for query, _ in told if query)
    signed = hmac.new(b"SEC2", f"{dingtalk['timestamp']}\nSEC2".encode(), hashlib.sha256)
    assert dingtalk["sign"] == base64.b64encode(signed.digest()).decode()
    assert dingtalk["access_token"] == "t"


async def test_a_run_of_500_cases_fits_into_the_narrowest_chat(notifier: Notifier, member: httpx.AsyncClient) -> None:
    async with robot({"errcode": 0}) as (url, told):
        await create(member, "wecom", url)
        notifier.start()
        cases = [case(number, "failed", name="很长的用例名称" * 14) for number in range(1, 501)]
        await notifier.deliver(run_completed(cases, owner_ids=[], task_name="很长的任务名称" * 20))
        await notifier.settled()
    ((_, message),) = told
    assert len(text_of("wecom", message).encode()) <= 2048
    assert len(orjson.dumps(message)) < 4096
