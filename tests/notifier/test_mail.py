"""One mail per owner, with what a reader looks for."""

from datetime import timedelta
from pathlib import Path

from kit.settings import settings
from tests.notifier.conftest import Notifier, case, project_changed, run_completed
from tests.support.smtp import SmtpServer
from tests.support.wait import until


async def test_each_owner_gets_one_mail_with_the_pass_rate_of_each_case_first(
    mailing: Notifier, smtp: SmtpServer
) -> None:
    await mailing.user(1)
    await mailing.user(2, language="en")
    await mailing.deliver(project_changed(7))
    run = run_completed([case(22, name="登录"), case(20, "failed", name="下单")])
    await mailing.deliver(run)

    assert await mailing.settled() == {1: "sent", 2: "sent"}
    chinese, english = sorted(smtp.mails, key=lambda mail: mail.recipients)
    assert (chinese.recipients, english.recipients) == (["user1@example.test"], ["user2@example.test"])
    assert chinese.message["Subject"] == "[失败 50%] 每日巡检"
    assert english.message["Subject"] == "[Failed 50%] 每日巡检"
    link = f"https://rounds.example.test/console/runs/{run.run_id}"
    for body in (chinese.text(), chinese.html()):
        cases = [body.index(part) for part in ("登录", "下单", "100%", "80%")]
        rest = [body.index(part) for part in ("用例 50%，步骤 90%", "5.2 s", link)]
        assert max(cases) < min(rest)
        assert rest == sorted(rest)
    for body in (english.text(), english.html()):
        assert "Pass rate" in body
        assert link in body
    assert "Open the report" in english.html()
    assert "项目A" in chinese.text()


async def test_a_mail_carries_the_same_message_id_at_every_try(mailing: Notifier, smtp: SmtpServer) -> None:
    await mailing.user(1)
    smtp.drops = 1
    await mailing.deliver(run_completed(owner_ids=[1]))

    await until(lambda: len(smtp.mails) == 1)

    async def waits() -> bool:
        return await mailing.statuses() == {1: "queued"}

    await until(waits)
    (row,) = await mailing.rows("SELECT id, tries, error FROM delivery")
    assert row["tries"] == 1
    await mailing.move_clock(timedelta(seconds=31))
    assert await mailing.settled() == {1: "sent"}
    assert [mail.message["Message-ID"] for mail in smtp.mails] == [f"<{row['id']}@rounds.example.test>"] * 2


async def test_without_a_mail_server_mails_are_written_to_files(notifier: Notifier) -> None:
    client = await notifier.user(1)
    notifier.start()
    await notifier.deliver(run_completed(owner_ids=[1]))

    assert await notifier.settled() == {1: "sent"}
    (delivery,) = (await client.get("/notifications/deliveries")).json()["data"]
    assert (delivery["status"], delivery["via"], delivery["tries"]) == ("sent", "file", 1)
    written = (Path(settings().data_dir) / "mail" / f"{delivery['id']}.eml").read_text()
    assert "To: user1@example.test" in written
