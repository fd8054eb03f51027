"""Who is told of which run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from contracts.auth import UserChanged
from tests.notifier.conftest import Notifier, case, project_changed, run_completed

FAILED, PASSED, ERROR = [case(22, "failed")], [case(22)], [case(22, "error")]


async def outcomes(notifier: Notifier, rule: str, *runs: list[Any]) -> list[str]:
    """What became of owner 1's mail after each of these runs of one task."""
    await notifier.user(1)
    began = datetime.now(UTC) - timedelta(hours=1)
    for minute, cases in enumerate(runs):
        finished_at = began + timedelta(minutes=minute)
        await notifier.deliver(run_completed(cases, notify=rule, owner_ids=[1], finished_at=finished_at))
    query = "SELECT status FROM delivery JOIN completed_run USING (run_id) ORDER BY body ->> 'finished_at'"
    return [row["status"] for row in await notifier.rows(query)]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("always", "queued queued queued queued queued queued"),
        ("on_failure", "skipped queued queued queued queued skipped"),
        ("on_change", "skipped queued skipped queued queued skipped"),
    ],
)
async def test_a_rule_decides_what_is_told_and_a_recovery_is_told_once(
    notifier: Notifier, rule: str, told: str
) -> None:
    assert await outcomes(notifier, rule, PASSED, FAILED, FAILED, ERROR, PASSED, PASSED) == told.split()


async def test_another_case_that_begins_to_fail_is_a_change(notifier: Notifier) -> None:
    one, both = [case(20, "failed"), case(22)], [case(20, "failed"), case(22, "failed")]
    assert await outcomes(notifier, "on_change", one, one, both) == ["queued", "skipped", "queued"]


async def test_a_cancelled_run_is_told_to_those_who_want_all_and_does_not_count_as_a_change(
    notifier: Notifier,
) -> None:
    await notifier.user(1)
    now = datetime.now(UTC)
    for minute, (status, cases) in enumerate([("failed", FAILED), ("cancelled", [case(22, "cancelled")])]):
        moment = now - timedelta(minutes=9 - minute)
        for rule, task_id in (("always", 1), ("on_change", 2)):
            run = run_completed(cases, status=status, notify=rule, task_id=task_id, owner_ids=[1], finished_at=moment)
            await notifier.deliver(run)
    await notifier.deliver(run_completed(FAILED, notify="on_change", task_id=2, owner_ids=[1], finished_at=now))

    query = "SELECT task_id, status FROM delivery JOIN completed_run USING (run_id) ORDER BY body ->> 'finished_at'"
    rows = await notifier.rows(query)
    assert [row["status"] for row in rows if row["task_id"] == 1] == ["queued", "queued"]
    assert [row["status"] for row in rows if row["task_id"] == 2] == ["queued", "skipped", "skipped"]


async def test_a_run_that_another_attempt_follows_is_not_told(notifier: Notifier) -> None:
    await notifier.user(1)
    await notifier.deliver(run_completed(FAILED, final=False, max_attempts=2))
    assert await notifier.rows("SELECT id FROM delivery") == []


async def test_a_run_without_a_task_is_not_told(notifier: Notifier) -> None:
    run = run_completed(task_id=None, task_name=None, notify=None, owner_ids=[], trigger="api")
    await notifier.deliver(run)
    assert await notifier.rows("SELECT run_id FROM completed_run") == []


async def test_an_event_that_comes_twice_makes_one_mail(notifier: Notifier) -> None:
    await notifier.user(1)
    run, event_id = run_completed(owner_ids=[1]), uuid7()
    assert await notifier.deliver(run, event_id)
    assert not await notifier.deliver(run, event_id)
    assert len(await notifier.rows("SELECT id FROM delivery")) == 1


async def test_a_run_that_is_stated_again_under_another_event_id_makes_no_second_mail(notifier: Notifier) -> None:
    await notifier.user(1)
    run = run_completed(FAILED, owner_ids=[1])
    await notifier.deliver(run)
    await notifier.deliver(run)
    assert len(await notifier.rows("SELECT id FROM delivery")) == 1


async def test_owners_who_cannot_or_will_not_be_mailed_are_skipped_with_the_reason(notifier: Notifier) -> None:
    await notifier.user(1)
    await notifier.deliver(UserChanged.of_deleted(1, 2, username="user1", real_name="User 1"))
    await notifier.user(2, is_active=False)
    await notifier.user(3, email="")
    await notifier.user(4, email_wanted=False)
    await notifier.user(5)
    await notifier.deliver(run_completed(owner_ids=[1, 2, 3, 4, 5]))

    reasons = {1: "deleted", 2: "disabled", 3: "no_address", 4: "mail_off", 5: None}
    assert await notifier.reasons() == reasons


async def test_a_run_that_ended_a_day_ago_is_no_news(notifier: Notifier) -> None:
    await notifier.user(1)
    long_ago = datetime.now(UTC) - timedelta(hours=24, minutes=1)
    await notifier.deliver(run_completed(owner_ids=[1], finished_at=long_ago))
    assert await notifier.reasons() == {1: "too_old"}


async def test_a_mail_that_waits_is_skipped_when_its_owner_turns_mail_off(notifier: Notifier) -> None:
    await notifier.user(1)
    await notifier.deliver(run_completed(owner_ids=[1]))
    await notifier.user(1, email_wanted=False, revision=2)
    assert await notifier.reasons() == {1: "mail_off"}


async def test_the_mail_tells_what_changed_since_the_last_run(notifier: Notifier) -> None:
    client = await notifier.user(1)
    await notifier.deliver(project_changed(7))
    before = [case(1, "failed"), case(2, "failed"), case(3)]
    now = datetime.now(UTC)
    await notifier.deliver(run_completed(before, owner_ids=[1], finished_at=now - timedelta(minutes=1)))
    run = run_completed([case(1), case(2, "failed"), case(3, "failed")], owner_ids=[1], finished_at=now)
    await notifier.deliver(run)

    (listed,) = (await client.get("/notifications/deliveries", params={"run_id": str(run.run_id)})).json()["data"]
    mail = (await client.get(f"/notifications/deliveries/{listed['id']}")).json()["mail"]
    lines = mail["text"].splitlines()
    assert any("用例1" in line and "已恢复" in line for line in lines)
    assert any("用例2" in line and "仍失败" in line for line in lines)
    assert any("用例3" in line and "新失败" in line for line in lines)
    assert "与上次相比：新失败 1，仍失败 1，已恢复 1；上次为失败 33%" in mail["text"]
    assert "新失败 1，仍失败 1，已恢复 1" in mail["html"]


async def test_an_event_that_comes_late_does_not_turn_back_what_the_next_run_is_compared_with(
    notifier: Notifier,
) -> None:
    now = datetime.now(UTC)
    await notifier.user(1)
    await notifier.deliver(run_completed(PASSED, owner_ids=[1], finished_at=now - timedelta(minutes=1)))
    await notifier.deliver(run_completed(FAILED, owner_ids=[1], finished_at=now - timedelta(minutes=2)))
    assert [row["status"] for row in await notifier.rows("SELECT status FROM task_state")] == ["passed"]
