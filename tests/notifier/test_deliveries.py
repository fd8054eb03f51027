"""What was told to whom: listed, shown, sent by hand, forgotten."""

from datetime import timedelta
from uuid import uuid4

from kit.settings import settings
from services.notifier.loops import purge_deliveries
from tests.notifier.conftest import Notifier, case, run_completed
from tests.support.smtp import SmtpServer


async def test_deliveries_are_listed_newest_first_and_filtered(notifier: Notifier) -> None:
    client = await notifier.user(1)
    await notifier.user(2, email="")
    first, second = run_completed(), run_completed([case(22, "failed")], task_id=2, task_name="夜间回归")
    await notifier.deliver(first)
    await notifier.deliver(second)

    async def listed(**filters: str | int) -> list[tuple[str, int]]:
        answer = await client.get("/notifications/deliveries", params=filters)
        assert answer.status_code == 200
        return [(each["task_name"], each["recipient"]["id"]) for each in answer.json()["data"]]

    assert sorted(await listed(run_id=str(first.run_id))) == [("每日巡检", 1), ("每日巡检", 2)]
    assert [name for name, _ in await listed()] == ["夜间回归", "夜间回归", "每日巡检", "每日巡检"]
    assert sorted(await listed(status="skipped")) == [("夜间回归", 2), ("每日巡检", 2)]
    assert await listed(task_id=2, user_id=1) == [("夜间回归", 1)]
    assert len(await listed(page=2, page_size=3)) == 1
    assert await listed(channel_id=5) == []


async def test_a_listed_delivery_tells_its_state(notifier: Notifier) -> None:
    client = await notifier.user(1)
    run = run_completed(owner_ids=[1])
    await notifier.deliver(run)
    (delivery,) = (await client.get("/notifications/deliveries")).json()["data"]
    created_at, next_try_at, id_ = (delivery.pop(name) for name in ("created_at", "next_try_at", "id"))
    assert created_at == next_try_at
    assert created_at.endswith("Z")
    assert (await client.get(f"/notifications/deliveries/{id_}")).status_code == 200
    assert delivery == {
        "run_id": str(run.run_id),
        "task_id": 1,
        "task_name": "每日巡检",
        "channel": {"id": 0, "kind": "email", "name": None},
        "recipient": {"kind": "user", "id": 1, "name": "User 1"},
        "status": "queued",
        "reason": None,
        "error": None,
        "via": None,
        "tries": 0,
        "ended_at": None,
    }


async def test_wrong_filters_are_refused(notifier: Notifier) -> None:
    client = await notifier.user(1)
    answer = await client.get("/notifications/deliveries?status=lost&run_id=x&page_size=201")
    assert answer.status_code == 400
    assert {fault["field"] for fault in answer.json()["errors"]} == {"status", "run_id", "page_size"}


async def test_only_who_is_logged_in_sees_deliveries(notifier: Notifier) -> None:
    client = await notifier.user(1)
    del client.headers["Authorization"]
    assert (await client.get("/notifications/deliveries")).status_code in {401, 503}


async def test_the_mail_is_shown_as_it_was_sent(mailing: Notifier, smtp: SmtpServer) -> None:
    client = await mailing.user(1)
    await mailing.deliver(run_completed([case(22, "failed")], owner_ids=[1]))
    await mailing.settled()
    (delivery,) = (await client.get("/notifications/deliveries")).json()["data"]
    shown = (await client.get(f"/notifications/deliveries/{delivery['id']}")).json()["mail"]
    (mail,) = smtp.mails
    assert shown["subject"] == mail.message["Subject"]
    assert shown["html"].splitlines() == mail.html().splitlines()
    assert shown["text"].splitlines() == mail.text().splitlines()


async def test_a_mail_is_shown_to_its_reader_and_the_projects_members_only(notifier: Notifier) -> None:
    owner, member = await notifier.user(1), await notifier.user(3, project_ids=[7])
    stranger, superuser = await notifier.user(4, project_ids=[8]), await notifier.user(5, is_superuser=True)
    await notifier.deliver(run_completed(owner_ids=[1]))
    (delivery,) = (await owner.get("/notifications/deliveries")).json()["data"]
    path = f"/notifications/deliveries/{delivery['id']}"

    assert "/notifications/unsubscribe/" in (await owner.get(path)).json()["mail"]["html"]
    for other in (member, superuser):
        assert "/notifications/unsubscribe/" not in (await other.get(path)).json()["mail"]["html"]
    assert (await stranger.get(path)).json()["mail"] is None


async def test_only_what_ended_without_being_sent_can_be_sent_by_hand(notifier: Notifier) -> None:
    owner, stranger = await notifier.user(1), await notifier.user(4, project_ids=[8])
    await notifier.deliver(run_completed(notify="on_failure", owner_ids=[1]))
    (skipped,) = (await owner.get("/notifications/deliveries")).json()["data"]
    path = f"/notifications/deliveries/{skipped['id']}/retry"
    assert (skipped["status"], skipped["reason"]) == ("skipped", "rule")

    assert (await stranger.post(path)).json()["code"] == "permission_denied"
    assert (await owner.post(f"/notifications/deliveries/{uuid4()}/retry")).status_code == 404
    assert (await owner.post(path)).json()["status"] == "queued"
    again = await owner.post(path, headers={"Accept-Language": "en"})
    assert (again.status_code, again.json()["code"]) == (409, "delivery_not_retryable")
    assert again.json()["msg"].endswith("queued")
    notifier.start()
    assert await notifier.settled() == {1: "sent"}


async def test_old_deliveries_are_forgotten_with_their_files(notifier: Notifier) -> None:
    await notifier.user(1)
    await notifier.deliver(run_completed(owner_ids=[1]))
    notifier.start()
    await notifier.settled()
    folder = settings().data_dir / "mail"
    assert len(list(folder.iterdir())) == 1

    await notifier.move_clock(timedelta(days=89))
    await purge_deliveries()
    assert len(await notifier.rows("SELECT id FROM delivery")) == 1

    await notifier.move_clock(timedelta(days=91))
    assert await purge_deliveries() == 0
    assert await notifier.rows("SELECT id FROM delivery") == []
    assert await notifier.rows("SELECT run_id FROM completed_run") == []
    assert list(folder.iterdir()) == []


async def test_what_still_waits_is_not_forgotten(notifier: Notifier) -> None:
    await notifier.user(1)
    await notifier.deliver(run_completed(owner_ids=[1]))
    await notifier.move_clock(timedelta(days=400))
    assert await purge_deliveries() > 0
    assert len(await notifier.rows("SELECT id FROM delivery")) == 1
