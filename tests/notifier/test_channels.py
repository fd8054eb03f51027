"""Channels of a project: kept secret, signed, refused where they must not go, told once."""

import base64
import hashlib
import hmac
import json
import os
import socket
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from contracts.catalog import ProjectChanged
from kit.crypto import new_key
from kit.settings import settings
from services.notifier.db import database
from services.notifier.settings import notifier_settings
from tests.notifier.conftest import Notifier, case, project_changed, run_completed
from tests.support.target import Target
from tests.support.wait import until

HOOK = {"project_id": 7, "name": "CI", "kind": "webhook", "url": "https://hooks.example.test/secret-path"}


@pytest.fixture
async def member(notifier: Notifier) -> httpx.AsyncClient:
    """A member of project 7."""
    await notifier.deliver(project_changed(7))
    return await notifier.user(3, project_ids=[7])


@pytest.fixture
def reachable(configured: pytest.MonkeyPatch) -> None:
    """Channels may be on this machine."""
    configured.setenv("ROUNDS_EXECUTOR_EGRESS_ALLOW", "127.0.0.0/8")
    notifier_settings.cache_clear()


async def create(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/notifications/channels", json=HOOK | changes)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_channel_is_created_listed_changed_and_removed(notifier: Notifier, member: httpx.AsyncClient) -> None:
    made = await create(member)
    assert made.pop("secret").startswith("whsec_")
    times = {name: made[name] for name in ("id", "created_at", "updated_at")}
    assert made == times | {
        "project": {"id": 7, "name": "项目A"},
        "name": "CI",
        "kind": "webhook",
        "host": "hooks.example.test",
        "signed": True,
        "notify": "always",
        "language": "zh",
        "enabled": True,
        "revision": 1,
        "created_by": {"id": 3, "username": "user3"},
        "updated_by": {"id": 3, "username": "user3"},
    }
    assert (await member.get("/notifications/channels?project_id=7")).json()["data"] == [made]
    assert (await member.get("/notifications/channels?project_id=8")).json()["total"] == 0

    path = f"/notifications/channels/{made['id']}"
    change = {"name": "CI 2", "notify": "on_change", "language": "en", "enabled": False}
    changed = (await member.put(path, json=change, headers={"If-Match": "1"})).json()
    assert (changed["revision"], changed["host"], changed["signed"]) == (2, "hooks.example.test", True)
    assert {name: changed[name] for name in change} == change

    stale = await member.put(path, json=change, headers={"If-Match": "1"})
    assert (stale.status_code, stale.json()["code"], stale.json()["revision"]) == (409, "revision_conflict", 2)
    assert (await member.delete(path, headers={"If-Match": "2"})).status_code == 204
    assert (await member.delete(path)).status_code == 404


async def test_addresses_and_secrets_are_stored_encrypted_and_never_shown(
    notifier: Notifier, member: httpx.AsyncClient
) -> None:
    made = await create(member)
    (row,) = await notifier.rows("SELECT url, secret FROM channel")
    assert "secret-path" not in row["url"]
    assert made["secret"] not in row["secret"]
    listed = (await member.get("/notifications/channels")).text
    assert "secret-path" not in listed
    assert made["secret"] not in listed


async def test_only_members_write_and_everyone_reads(notifier: Notifier, member: httpx.AsyncClient) -> None:
    made = await create(member)
    stranger = await notifier.user(4, project_ids=[8])
    path = f"/notifications/channels/{made['id']}"
    change = {"name": "x", "notify": "always", "language": "zh", "enabled": True}
    for answer in (
        await stranger.post("/notifications/channels", json=HOOK),
        await stranger.put(path, json=change),
        await stranger.delete(path),
        await stranger.post(f"{path}/test"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert (await stranger.get("/notifications/channels")).json()["total"] == 1


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"url": "ftp://example.test"}, "url", "bad_format"),
        ({"url": "https://"}, "url", "bad_format"),
        ({"url": "https://example.test:99999/"}, "url", "bad_format"),
        ({"url": "https://exa mple.test/"}, "url", "bad_format"),
        ({"kind": "pigeon"}, "kind", "out_of_range"),
        ({"name": "x" * 101}, "name", "out_of_range"),
        ({"name": "  "}, "name", "bad_format"),
        ({"secret": "too short"}, "secret", "bad_format"),
        ({"kind": "slack", "secret": "s"}, "secret", "not_supported"),
        ({"notify": "never"}, "notify", "out_of_range"),
        ({"enabled": 1}, "enabled", "wrong_type"),
        ({"project_id": "7"}, "project_id", "wrong_type"),
        ({"token": "x"}, "token", "unknown_field"),
    ],
)
async def test_wrong_channels_are_refused_by_name(
    notifier: Notifier, member: httpx.AsyncClient, change: dict[str, Any], field: str, reason: str
) -> None:
    answer = await member.post("/notifications/channels", json=HOOK | change)
    assert answer.status_code == 400
    assert [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]] == [(field, reason)]
    assert await notifier.rows("SELECT id FROM channel") == []


async def test_a_name_is_taken_once_per_project(notifier: Notifier, member: httpx.AsyncClient) -> None:
    await create(member)
    answer = await member.post("/notifications/channels", json=HOOK)
    assert [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]] == [("name", "duplicate")]
    assert len(await notifier.rows("SELECT id FROM channel")) == 1


async def test_a_deleted_project_takes_its_channels_along(notifier: Notifier, member: httpx.AsyncClient) -> None:
    await create(member)
    await notifier.deliver(ProjectChanged.of_deleted(7, 2, name="项目A"))
    assert (await member.get("/notifications/channels")).json()["total"] == 0


async def test_a_webhook_gets_a_signed_document_once(
    notifier: Notifier, member: httpx.AsyncClient, target: Target, reachable: None
) -> None:
    del reachable
    made = await create(member, url=f"{target.url}/echo?key=1")
    notifier.start()
    run = run_completed([case(22), case(20, "failed")], owner_ids=[])
    await notifier.deliver(run)
    await notifier.deliver(run)
    await notifier.settled()

    (request,) = target.requests
    headers = dict(request.headers)
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    assert request.query == [("key", "1")]
    body = json.loads(request.body)
    assert body["type"] == "run.completed"
    assert body["data"]["run_id"] == str(run.run_id)
    assert [(each["name"], each["pass_rate"]) for each in body["data"]["cases"]] == [("用例22", 100), ("用例20", 80)]
    assert body["data"]["report_url"] == f"https://rounds.example.test/console/runs/{run.run_id}"

    (delivery,) = (await member.get(f"/notifications/deliveries?channel_id={made['id']}")).json()["data"]
    assert (delivery["status"], delivery["via"], delivery["channel"]["name"]) == ("sent", "http", "CI")
    assert delivery["id"] == headers["webhook-id"]
    (fact,) = await notifier.facts("notification.sent")
    assert (fact["channel"], fact["recipient_kind"], fact["recipient_id"]) == ("webhook", "channel", made["id"])


async def test_a_channel_has_its_own_rule_and_hears_of_its_project_only(
    notifier: Notifier, member: httpx.AsyncClient
) -> None:
    await create(member, name="failures", notify="on_failure")
    await create(member, name="silent", enabled=False)
    await notifier.deliver(run_completed(owner_ids=[]))
    await notifier.deliver(run_completed([case(22, "failed")], owner_ids=[], task_id=2))
    await notifier.deliver(run_completed([case(22, "failed")], owner_ids=[], task_id=3, project_ids=[8]))
    rows = await notifier.rows("SELECT task_id, status FROM delivery JOIN completed_run USING (run_id) ORDER BY 1")
    assert [(row["task_id"], row["status"]) for row in rows] == [(1, "skipped"), (2, "queued")]


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/status/503", "queued", "HTTP 503"),
        ("/status/429", "queued", "HTTP 429"),
        ("/status/404", "failed", "HTTP 404"),
        ("/status/302", "failed", "HTTP 302"),
    ],
)
async def test_a_fault_that_may_pass_is_tried_again_and_another_is_not(
    notifier: Notifier,
    member: httpx.AsyncClient,
    target: Target,
    reachable: None,
    path: str,
    status: str,
    error: str,
) -> None:
    del reachable
    await create(member, url=f"{target.url}{path}")
    notifier.start()
    await notifier.deliver(run_completed(owner_ids=[]))
    (row,) = await until(lambda: notifier.rows("SELECT status, error FROM delivery WHERE error IS NOT NULL"))
    assert (row["status"], row["error"]) == (status, error)


async def test_a_host_that_does_not_answer_is_tried_again(
    notifier: Notifier, member: httpx.AsyncClient, reachable: None
) -> None:
    del reachable
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        await create(member, url=f"http://127.0.0.1:{bound.getsockname()[1]}/secret-path")
        notifier.start()
        await notifier.deliver(run_completed(owner_ids=[]))
        (row,) = await until(lambda: notifier.rows("SELECT status, error FROM delivery WHERE error IS NOT NULL"))
    assert row["status"] == "queued"
    assert "127.0.0.1" in row["error"]
    assert "secret-path" not in row["error"]


async def test_a_webhook_that_was_away_gets_the_same_id_later(
    notifier: Notifier, member: httpx.AsyncClient, target: Target, reachable: None
) -> None:
    del reachable
    await create(member, url=f"{target.url}/flaky?fails=1")
    notifier.start()
    await notifier.deliver(run_completed(owner_ids=[]))
    await until(lambda: notifier.rows("SELECT id FROM delivery WHERE status = 'queued' AND tries = 1"))
    await notifier.move_clock(timedelta(seconds=31))
    await notifier.settled()
    assert len({dict(request.headers)["webhook-id"] for request in target.requests}) == 1
    assert len(target.requests) == 2


async def test_a_post_whose_end_cannot_be_written_does_not_break_off_the_others(
    notifier: Notifier, member: httpx.AsyncClient, target: Target, reachable: None
) -> None:
    del reachable
    held = await create(member, name="held", url=f"{target.url}/held")
    unlucky = await create(member, name="unlucky", url=f"{target.url}/status/200")
    target.hold()
    await notifier.deliver(run_completed(owner_ids=[]))
    async with database.transaction() as session:
        for statement in (
            "CREATE SEQUENCE refused",
            f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.status = 'sent' AND NEW.channel_id = {unlucky["id"]} THEN
                    PERFORM nextval('refused'); RAISE EXCEPTION 'refused';
                END IF; RETURN NEW; END $$""",
            "CREATE TRIGGER refuse BEFORE UPDATE ON delivery FOR EACH ROW EXECUTE FUNCTION refuse()",
        ):
            await session.execute(text(statement))
    try:
        notifier.start()
        await until(lambda: notifier.rows("SELECT 1 FROM refused WHERE is_called"))
        await until(lambda: target.count("/held") == 1)
        target.release()
        await until(
            lambda: notifier.rows(f"SELECT 1 FROM delivery WHERE channel_id = {held['id']} AND status = 'sent'"), 10
        )
    finally:
        async with database.transaction() as session:
            await session.execute(text("DROP FUNCTION refuse CASCADE"))
            await session.execute(text("DROP SEQUENCE refused"))
    assert target.count("/held") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254"])
async def test_a_channel_cannot_reach_this_machine_or_the_clouds_metadata(
    notifier: Notifier, member: httpx.AsyncClient, target: Target, host: str
) -> None:
    made = await create(member, url=target.url.replace("127.0.0.1", host) + "/echo")
    answer = (await member.post(f"/notifications/channels/{made['id']}/test")).json()
    assert answer["ok"] is False
    assert "ROUNDS_EXECUTOR_EGRESS_ALLOW" in answer["error"]
    notifier.start()
    await notifier.deliver(run_completed(owner_ids=[]))
    assert list((await notifier.settled()).values()) == ["failed"]
    assert target.requests == []


async def test_a_test_message_tells_what_the_other_side_said(
    member: httpx.AsyncClient, target: Target, reachable: None
) -> None:
    del reachable
    good = await create(member, name="good", url=f"{target.url}/echo")
    bad = await create(member, name="bad", url=f"{target.url}/status/403")
    sent = await member.post(f"/notifications/channels/{good['id']}/test")
    assert sent.json() == {"ok": True, "error": None}
    refused = await member.post(f"/notifications/channels/{bad['id']}/test")
    assert refused.json() == {"ok": False, "error": "HTTP 403"}
    assert "Rounds 测试消息" in target.requests[0].body.decode()


async def test_what_a_channel_gets_is_shown(
    notifier: Notifier, member: httpx.AsyncClient, target: Target, reachable: None
) -> None:
    del reachable
    await create(member, url=f"{target.url}/echo")
    notifier.start()
    await notifier.deliver(run_completed(owner_ids=[]))
    await notifier.settled()
    (delivery,) = (await member.get("/notifications/deliveries")).json()["data"]
    shown = (await member.get(f"/notifications/deliveries/{delivery['id']}")).json()
    assert shown["mail"] is None
    assert json.loads(shown["post"])["data"] == json.loads(target.requests[0].body)["data"]


async def test_a_new_key_encrypts_channels_anew(
    notifier: Notifier, member: httpx.AsyncClient, configured: pytest.MonkeyPatch, target: Target, reachable: None
) -> None:
    del reachable
    made = await create(member, url=f"{target.url}/echo")
    root = await notifier.user(9, is_superuser=True)
    old = os.environ["ROUNDS_ENCRYPTION_KEYS"]
    new = f"k2:{new_key()}"

    configured.setenv("ROUNDS_ENCRYPTION_KEYS", f"{new},{old}")
    settings.cache_clear()
    assert (await member.post("/notifications/channels:rotate")).status_code == 403
    assert (await root.post("/notifications/channels:rotate")).json()["rotated"] == 1
    assert (await root.post("/notifications/channels:rotate")).json()["rotated"] == 0

    configured.setenv("ROUNDS_ENCRYPTION_KEYS", new)
    settings.cache_clear()
    assert (await member.post(f"/notifications/channels/{made['id']}/test")).json() == {"ok": True, "error": None}


async def test_a_channel_whose_key_is_gone_says_so(
    notifier: Notifier, member: httpx.AsyncClient, configured: pytest.MonkeyPatch
) -> None:
    made = await create(member)
    configured.setenv("ROUNDS_ENCRYPTION_KEYS", f"k2:{new_key()}")
    settings.cache_clear()
    tried = (await member.post(f"/notifications/channels/{made['id']}/test")).json()
    assert tried["ok"] is False
    assert "no key k1" in tried["error"]
    notifier.start()
    await notifier.deliver(run_completed(owner_ids=[]))
    await until(lambda: notifier.rows("SELECT id FROM delivery WHERE status = 'queued' AND error LIKE '%no key k1%'"))


async def test_what_waits_for_a_removed_channel_fails(notifier: Notifier, member: httpx.AsyncClient) -> None:
    made = await create(member)
    await notifier.deliver(run_completed(owner_ids=[]))
    await member.delete(f"/notifications/channels/{made['id']}")
    notifier.start()
    assert list((await notifier.settled()).values()) == ["failed"]
    (fact,) = await notifier.facts("notification.failed")
    assert fact["error"] == "channel_deleted"
