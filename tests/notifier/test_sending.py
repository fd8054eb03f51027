"""Nothing is lost and nothing is doubled, whatever the mail server does."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from kit.settings import settings
from services.notifier.loops import send_mails
from tests.notifier.conftest import Notifier, database, run_completed, running
from tests.support.smtp import SmtpServer, smtp_server
from tests.support.wait import until


def message_ids(smtp: SmtpServer) -> list[str]:
    return [str(mail.message["Message-ID"]) for mail in smtp.mails]


async def errors(notifier: Notifier) -> list[str | None]:
    return [row["error"] for row in await notifier.rows("SELECT error FROM delivery WHERE status = 'queued'")]


async def waits_for_another_try(notifier: Notifier, tries: int = 1) -> None:
    query = f"SELECT id FROM delivery WHERE status = 'queued' AND tries = {tries}"
    await until(lambda: notifier.rows(query))


async def test_several_mails_go_over_one_connection(mailing: Notifier, smtp: SmtpServer) -> None:
    for user_id in range(1, 11):
        await mailing.user(user_id)
    await mailing.deliver(run_completed(owner_ids=list(range(1, 11))))
    assert set((await mailing.settled()).values()) == {"sent"}
    assert (len(smtp.mails), smtp.connections) == (10, 1)


async def test_what_was_sent_is_stated(mailing: Notifier, smtp: SmtpServer) -> None:
    await mailing.user(1)
    run = run_completed(owner_ids=[1])
    await mailing.deliver(run)
    await mailing.settled()
    (fact,) = await mailing.facts("notification.sent")
    assert message_ids(smtp) == [f"<{fact.pop('delivery_id')}@rounds.example.test>"]
    assert fact == {
        "run_id": str(run.run_id),
        "channel": "email",
        "recipient_kind": "user",
        "recipient_id": 1,
        "tries": 1,
        "error": None,
    }


async def test_a_refused_recipient_fails_at_once_and_harms_no_other(mailing: Notifier, smtp: SmtpServer) -> None:
    await mailing.user(1)
    await mailing.user(2)
    smtp.recipient_replies = {"user1@example.test": "550 5.1.1 no such mailbox"}
    await mailing.deliver(run_completed())

    assert await mailing.settled() == {1: "failed", 2: "sent"}
    (fact,) = await mailing.facts("notification.failed")
    assert (fact["recipient_id"], fact["tries"], fact["error"]) == (1, 1, "550 5.1.1 no such mailbox")


async def test_a_refused_message_fails_at_once(mailing: Notifier, smtp: SmtpServer) -> None:
    await mailing.user(1)
    smtp.data_replies = ["554 5.7.1 looks like spam"]
    await mailing.deliver(run_completed(owner_ids=[1]))
    assert await mailing.settled() == {1: "failed"}


async def test_an_hour_of_temporary_refusals_delays_a_mail_and_neither_loses_nor_doubles_it(
    mailing: Notifier, smtp: SmtpServer
) -> None:
    await mailing.user(1)
    smtp.data_replies = ["451 4.3.0 try later"] * 7
    await mailing.deliver(run_completed(owner_ids=[1]))

    ahead = timedelta()
    for tries, pause in enumerate((30, 60, 120, 240, 480, 960, 1920), start=1):
        await waits_for_another_try(mailing, tries)
        (row,) = await mailing.rows(
            "SELECT extract(epoch FROM not_before - clock_now())::float AS pause, error FROM delivery"
        )
        assert pause - 5 < row["pause"] <= pause
        assert row["error"] == "451 4.3.0 try later"
        ahead += timedelta(seconds=pause)
        await mailing.move_clock(ahead)
    assert await mailing.settled() == {1: "sent"}
    assert len(smtp.mails) == 1
    (fact,) = await mailing.facts("notification.sent")
    assert (fact["tries"], fact["error"]) == (8, "451 4.3.0 try later")


async def test_a_mail_is_given_up_after_a_day_and_can_be_sent_by_hand(mailing: Notifier, smtp: SmtpServer) -> None:
    client = await mailing.user(1)
    smtp.data_replies = ["451 4.3.0 try later"] * 2
    await mailing.deliver(run_completed(owner_ids=[1]))
    await waits_for_another_try(mailing)
    await mailing.move_clock(timedelta(hours=24, minutes=1))
    assert await mailing.settled() == {1: "failed"}
    assert len(await mailing.facts("notification.failed")) == 1

    (delivery,) = (await client.get("/notifications/deliveries?status=failed")).json()["data"]
    assert (await client.post(f"/notifications/deliveries/{delivery['id']}/retry")).json()["status"] == "queued"
    assert await mailing.settled() == {1: "sent"}
    assert message_ids(smtp) == [f"<{delivery['id']}@rounds.example.test>"]


async def test_a_server_that_is_away_delays_mails_and_the_state_says_why(mailing: Notifier, smtp: SmtpServer) -> None:
    await mailing.user(1)
    await mailing.user(2)
    await smtp.down()
    await mailing.deliver(run_completed())

    async def both_wait() -> bool:
        return len([error for error in await errors(mailing) if error]) == 2

    await until(both_wait)
    await smtp.up()
    await mailing.move_clock(timedelta(seconds=31))
    assert await mailing.settled() == {1: "sent", 2: "sent"}
    assert len(smtp.mails) == 2


async def test_a_connection_cut_after_data_sends_a_second_copy_under_the_same_message_id(
    mailing: Notifier, smtp: SmtpServer
) -> None:
    await mailing.user(1)
    smtp.drops = 1
    await mailing.deliver(run_completed(owner_ids=[1]))
    await waits_for_another_try(mailing)
    await mailing.move_clock(timedelta(seconds=31))
    assert await mailing.settled() == {1: "sent"}
    assert len(message_ids(smtp)) == 2
    assert len(set(message_ids(smtp))) == 1


async def test_a_slow_server_gets_each_mail_once(mailing: Notifier, smtp: SmtpServer) -> None:
    await mailing.user(1)
    await mailing.user(2)
    smtp.delay_seconds = 0.7
    await mailing.deliver(run_completed())
    assert set((await mailing.settled()).values()) == {"sent"}
    assert len(smtp.mails) == 2


async def test_a_wrong_password_fails_nobody_and_is_never_told(configured: pytest.MonkeyPatch) -> None:
    async with smtp_server(login=("rounds", "right-one")) as smtp:
        configured.setenv("ROUNDS_SMTP_URL", smtp.url.replace("right-one", "wrong-one"))
        settings.cache_clear()
        async with running() as notifier:
            await notifier.user(1)
            notifier.start()
            await notifier.deliver(run_completed(owner_ids=[1]))
            await waits_for_another_try(notifier)
            (error,) = await errors(notifier)
            assert error is not None
            assert error.startswith("535")
            assert "wrong-one" not in error

            configured.setenv("ROUNDS_SMTP_URL", smtp.url)
            settings.cache_clear()
            await notifier.move_clock(timedelta(seconds=31))
            assert await notifier.settled() == {1: "sent"}


@pytest.mark.parametrize("url", ["carrier-pigeon://roof", "smtp://", "smtp://host:99999", "mail.example.test:25"])
async def test_an_address_of_the_mail_server_that_is_none_is_told_and_loses_nothing(
    configured: pytest.MonkeyPatch, smtp: SmtpServer, url: str
) -> None:
    configured.setenv("ROUNDS_SMTP_URL", url)
    settings.cache_clear()
    async with running() as notifier:
        await notifier.user(1)
        notifier.start()
        await notifier.deliver(run_completed(owner_ids=[1]))
        await waits_for_another_try(notifier)
        assert await errors(notifier) == ["ROUNDS_SMTP_URL is no smtp://… address"]

        configured.setenv("ROUNDS_SMTP_URL", smtp.url)
        settings.cache_clear()
        await notifier.move_clock(timedelta(seconds=31))
        assert await notifier.settled() == {1: "sent"}


@pytest.mark.parametrize(
    "email", ["nonsense", "a@b@c", "a@example.test\r\nBcc: victim@example.test", "a b@example.test"]
)
async def test_an_address_that_is_none_fails_and_harms_no_other(
    mailing: Notifier, smtp: SmtpServer, email: str
) -> None:
    await mailing.user(1, email=email)
    await mailing.user(2)
    await mailing.deliver(run_completed())
    assert await mailing.settled() == {1: "failed", 2: "sent"}
    assert [row["error"] for row in await mailing.rows("SELECT error FROM delivery WHERE recipient = 1")] == [
        "bad_address"
    ]
    assert [mail.recipients for mail in smtp.mails] == [["user2@example.test"]]


async def test_a_run_that_cannot_be_told_holds_up_no_other(mailing: Notifier, smtp: SmtpServer) -> None:
    await mailing.user(1)
    async with database.transaction() as session:
        await session.execute(
            text(f"""
            INSERT INTO completed_run (run_id, task_id, project_ids, body) VALUES ('{uuid7()}', 9, '{{}}', '{{}}');
        """)
        )
        await session.execute(
            text("""
            INSERT INTO delivery (id, run_id, channel_id, channel_kind, recipient, language, status, tries, not_before,
                                  give_up_at, unsubscribe_token)
            SELECT gen_random_uuid(), run_id, 0, 'email', 1, 'zh', 'queued', 0, clock_now(),
                   clock_now() + interval '1 day', 't' FROM completed_run
        """)
        )
    await mailing.deliver(run_completed(owner_ids=[1]))
    await until(lambda: smtp.mails)
    await waits_for_another_try(mailing)
    assert await errors(mailing) == ["internal error: ValidationError"]


async def test_what_a_slow_server_leaves_unsent_is_given_back_untried(
    configured: pytest.MonkeyPatch, smtp: SmtpServer
) -> None:
    configured.setenv("ROUNDS_SMTP_URL", smtp.url)
    configured.setattr("services.notifier.loops.LONGEST_BATCH_SECONDS", 0.1)
    settings.cache_clear()
    async with running() as notifier:
        for user_id in (1, 2, 3):
            await notifier.user(user_id)
        await notifier.deliver(run_completed(owner_ids=[1, 2, 3]))
        smtp.delay_seconds = 0.2
        await send_mails()
        rows = await notifier.rows("SELECT status, tries FROM delivery ORDER BY status")
        found = [(row["status"], row["tries"]) for row in rows]
        assert found == [("queued", 0), ("queued", 0), ("sent", 1)]


async def test_senders_that_run_at_the_same_time_send_each_mail_once(
    configured: pytest.MonkeyPatch, smtp: SmtpServer
) -> None:
    configured.setenv("ROUNDS_SMTP_URL", smtp.url)
    settings.cache_clear()
    async with running() as notifier:
        for user_id in range(1, 41):
            await notifier.user(user_id)
        await notifier.deliver(run_completed(owner_ids=list(range(1, 41))))
        while set((await notifier.statuses()).values()) != {"sent"}:
            await asyncio.gather(*(send_mails() for _ in range(4)))
        assert len(set(message_ids(smtp))) == len(smtp.mails) == 40
