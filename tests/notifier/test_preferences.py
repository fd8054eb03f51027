"""A user who wants to be left alone is."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from services.notifier.rules.telling import end_of_quiet
from tests.notifier.conftest import Notifier, run_completed
from tests.support.smtp import SmtpServer
from tests.support.wait import until

NOTHING: dict[str, Any] = {
    "quiet_from": None,
    "quiet_until": None,
    "timezone": "UTC",
    "muted_until": None,
    "muted_task_ids": [],
}
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-05-01T21:59:59+08:00", None),
        ("2026-05-01T22:00:00+08:00", "2026-05-02T08:00:00+08:00"),
        ("2026-05-02T07:59:59+08:00", "2026-05-02T08:00:00+08:00"),
        ("2026-05-02T08:00:00+08:00", None),
        ("2026-05-01T15:00:00+00:00", "2026-05-02T08:00:00+08:00"),
    ],
)
def test_quiet_hours_may_span_midnight(now: str, end: str | None) -> None:
    found = end_of_quiet(datetime.fromisoformat(now), time(22), time(8), SHANGHAI)
    assert found == (None if end is None else datetime.fromisoformat(end))


async def test_mail_waits_until_the_quiet_hours_end(mailing: Notifier, smtp: SmtpServer) -> None:
    client = await mailing.user(1)
    now = datetime.now(UTC)
    quiet = {"quiet_from": f"{now - timedelta(hours=1):%H:%M}", "quiet_until": f"{now + timedelta(hours=2):%H:%M}"}
    saved = await client.put("/notifications/preferences", json=NOTHING | quiet)
    assert saved.json() == NOTHING | quiet
    await mailing.user(2)
    await mailing.deliver(run_completed())

    async def other_is_sent() -> bool:
        return (await mailing.statuses())[2] == "sent"

    await until(other_is_sent)
    assert await mailing.statuses() == {1: "queued", 2: "sent"}
    await mailing.move_clock(timedelta(hours=2))
    assert await mailing.settled() == {1: "sent", 2: "sent"}
    assert len(smtp.mails) == 2


async def test_who_chose_nothing_has_no_quiet_hours(notifier: Notifier) -> None:
    client = await notifier.user(1)
    assert (await client.get("/notifications/preferences")).json() == NOTHING | {"timezone": "Asia/Shanghai"}


async def test_muted_mail_is_skipped_also_when_it_waits_already(notifier: Notifier) -> None:
    client = await notifier.user(1)
    await notifier.deliver(run_completed(owner_ids=[1], task_id=1))
    await notifier.deliver(run_completed(owner_ids=[1], task_id=2))
    await client.put("/notifications/preferences", json=NOTHING | {"muted_task_ids": [2]})
    await notifier.deliver(run_completed(owner_ids=[1], task_id=2))

    query = "SELECT task_id, status, reason FROM delivery JOIN completed_run USING (run_id)"
    found = sorted((row["task_id"], row["status"], row["reason"]) for row in await notifier.rows(query))
    assert found == [(1, "queued", None), (2, "skipped", "muted"), (2, "skipped", "muted")]


async def test_all_mail_is_muted_until_a_moment(notifier: Notifier) -> None:
    client = await notifier.user(1)
    until_then = datetime.now(UTC) + timedelta(hours=1)
    body = NOTHING | {"muted_until": until_then.isoformat()}
    assert (await client.put("/notifications/preferences", json=body)).status_code == 200
    await notifier.deliver(run_completed(owner_ids=[1]))
    assert await notifier.reasons() == {1: "muted"}
    await notifier.move_clock(timedelta(hours=2))
    await notifier.deliver(run_completed(owner_ids=[1], finished_at=datetime.now(UTC) + timedelta(hours=2)))
    assert sorted(row["status"] for row in await notifier.rows("SELECT status FROM delivery")) == ["queued", "skipped"]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"quiet_from": "25:00", "quiet_until": "08:00"}, "quiet_from", "bad_format"),
        ({"quiet_from": 22, "quiet_until": "08:00"}, "quiet_from", "wrong_type"),
        ({"quiet_from": "22:00"}, "quiet_until", "wrong"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "quiet_until", "wrong"),
        ({"timezone": "Mars/Olympus"}, "timezone", "wrong"),
        ({"muted_until": "2026-05-01T08:00:00"}, "muted_until", "bad_format"),
        ({"muted_task_ids": ["1"]}, "muted_task_ids[0]", "wrong_type"),
        ({"colour": "red"}, "colour", "unknown_field"),
    ],
)
async def test_wrong_preferences_are_refused_by_name(
    notifier: Notifier, change: dict[str, object], field: str, reason: str
) -> None:
    client = await notifier.user(1)
    answer = await client.put("/notifications/preferences", json=NOTHING | change)
    assert answer.status_code == 400
    assert [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]] == [(field, reason)]


async def test_one_click_mutes_the_task_of_a_mail_for_its_reader(mailing: Notifier, smtp: SmtpServer) -> None:
    client = await mailing.user(1)
    await mailing.deliver(run_completed(owner_ids=[1]))
    await mailing.settled()
    message = smtp.mails[0].message
    link = str(message["List-Unsubscribe"]).strip("<>")
    assert f"List-Unsubscribe: <{link}>".encode() in smtp.mails[0].raw
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in smtp.mails[0].html()
    path = httpx.URL(link).path

    async with httpx.AsyncClient(base_url=mailing.url) as anyone:
        asked = await anyone.get(path)
        assert asked.status_code == 200
        assert "<form" in asked.text
        assert (await client.get("/notifications/preferences")).json()["muted_task_ids"] == []
        for _ in range(2):
            done = await anyone.post(path, data={"List-Unsubscribe": "One-Click"})
            assert done.status_code == 200
        assert (await anyone.get("/notifications/unsubscribe/nothing")).status_code == 404
    assert (await client.get("/notifications/preferences")).json()["muted_task_ids"] == [1]
    await mailing.deliver(run_completed(owner_ids=[1]))
    await mailing.deliver(run_completed(owner_ids=[1], task_id=2))
    await mailing.settled()
    assert len(smtp.mails) == 2
