"""What the notifier's replicas do not know yet, it asks of auth and catalog."""

import httpx
from sqlalchemy import text

from tests.notifier.conftest import Notifier, database, run_completed
from tests.support.platform import Platform
from tests.support.smtp import SmtpServer
from tests.support.wait import until


async def forget(*statements: str) -> None:
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))


async def test_an_owner_whom_the_replica_does_not_know_is_asked_about_and_mailed(
    platform: Platform, smtp: SmtpServer
) -> None:
    bob = await platform.user("bob")
    await bob.post("/user/set-user-cfg", json={"language": "en"})
    notifier = Notifier(platform.url)
    heard = "SELECT id FROM known_user WHERE username = 'bob' AND settings ->> 'language' = 'en'"
    await until(lambda: notifier.rows(heard))
    await forget("DELETE FROM known_user WHERE username = 'bob'")
    await notifier.deliver(run_completed(owner_ids=[bob.user_id]))

    (mail,) = await until(lambda: smtp.mails)
    assert mail.recipients == ["bob@example.test"]
    assert mail.message["Subject"] == "[Passed 100%] 每日巡检"


async def test_an_owner_who_never_was_fails_with_the_reason(platform: Platform) -> None:
    notifier = Notifier(platform.url)
    await notifier.deliver(run_completed(owner_ids=[999]))
    assert await notifier.settled() == {999: "failed"}
    assert await notifier.rows("SELECT error FROM delivery") == [{"error": "unknown_user"}]


async def test_an_owner_who_cannot_be_asked_about_waits(notifier: Notifier) -> None:
    notifier.start()
    await notifier.deliver(run_completed(owner_ids=[1]))
    await until(lambda: notifier.rows("SELECT id FROM delivery WHERE status = 'queued' AND tries = 1"))
    assert await notifier.rows("SELECT id FROM delivery WHERE status = 'failed'") == []


async def test_a_new_project_and_a_new_membership_count_at_once(platform: Platform) -> None:
    made = await platform.admin.post("/catalog/projects", json={"name": "项目A"})
    assert made.status_code == httpx.codes.CREATED, made.text
    project_id = made.json()["id"]
    carol = await platform.user("carol", projects=[project_id])
    notifier = Notifier(platform.url)
    await until(lambda: notifier.rows(f"SELECT id FROM known_user WHERE project_ids = '{{{project_id}}}'"))
    await until(lambda: notifier.rows(f"SELECT id FROM known_project WHERE id = {project_id}"))
    await forget("DELETE FROM known_project", "UPDATE known_user SET project_ids = '{}' WHERE username = 'carol'")

    hook = {"project_id": project_id, "name": "CI", "kind": "webhook", "url": "https://hooks.example.test/"}
    assert (await carol.post("/notifications/channels", json=hook)).status_code == httpx.codes.CREATED
    unknown = await carol.post("/notifications/channels", json=hook | {"project_id": 999})
    assert unknown.status_code == httpx.codes.BAD_REQUEST
    assert [(fault["field"], fault["reason"]) for fault in unknown.json()["errors"]] == [("project_id", "unknown_ids")]
