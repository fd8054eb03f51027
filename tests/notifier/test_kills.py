"""Nothing is lost and nothing is doubled, whenever the notifier dies.

`ROUNDS_TEST_NOTIFIER_KILLS=200 pytest tests/notifier/test_kills.py` is the long proof.
"""

import asyncio
import multiprocessing
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from multiprocessing.process import BaseProcess

import pytest
from sqlalchemy import text

from kit.settings import settings
from tests.notifier import sender
from tests.notifier.conftest import Notifier, database, run_completed, running
from tests.notifier.test_sending import message_ids
from tests.support.smtp import SmtpServer
from tests.support.wait import until

PATIENCE = 90
"""Seconds to wait for a process that starts on a busy machine."""
KILLS = int(os.environ.get("ROUNDS_TEST_NOTIFIER_KILLS", "8"))
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.notifier.sender"])


async def accepts(smtp: SmtpServer, mails: int) -> None:
    await until(lambda: len(smtp.mails) >= mails, PATIENCE, every=0.002)


@asynccontextmanager
async def another_process() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.notifier.sender")
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def one_mail(configured: pytest.MonkeyPatch, smtp: SmtpServer) -> AsyncIterator[Notifier]:
    """A notifier that has a mail to send, and does nothing yet."""
    configured.setenv("ROUNDS_SMTP_URL", smtp.url)
    settings.cache_clear()
    async with running() as notifier:
        await notifier.user(1)
        await notifier.deliver(run_completed(owner_ids=[1]))
        yield notifier


async def killed(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()


async def test_a_notifier_killed_before_the_server_accepts_sends_the_mail_later(
    configured: pytest.MonkeyPatch, smtp: SmtpServer
) -> None:
    async with one_mail(configured, smtp) as notifier:
        smtp.delay_seconds = 60
        async with another_process() as process:
            await until(lambda: notifier.rows("SELECT id FROM delivery WHERE status = 'sending'"), PATIENCE)
            await killed(process)
        smtp.delay_seconds = 0
        assert await notifier.statuses() == {1: "sending"}
        await notifier.move_clock(timedelta(minutes=2, seconds=1))
        notifier.start()
        assert await sent_after_reaping(notifier) == {1: "sent"}
        assert len(smtp.mails) == 1


async def sent_after_reaping(notifier: Notifier) -> dict[int, str]:
    async def settled() -> bool:
        return not await notifier.rows("SELECT id FROM delivery WHERE status IN ('queued', 'sending')")

    await until(settled, PATIENCE)
    return await notifier.statuses()


async def test_a_notifier_killed_between_acceptance_and_commit_sends_a_copy_with_the_same_message_id(
    configured: pytest.MonkeyPatch, smtp: SmtpServer
) -> None:
    async with one_mail(configured, smtp) as notifier:
        smtp.delay_seconds = 3
        async with another_process() as process:
            await until(lambda: smtp.connections, PATIENCE)
            async with database.transaction() as session:
                await session.execute(text("SELECT id FROM delivery FOR UPDATE"))
                await until(lambda: smtp.mails)
                await killed(process)
        smtp.delay_seconds = 0
        await notifier.move_clock(timedelta(minutes=2, seconds=1))
        notifier.start()
        assert await sent_after_reaping(notifier) == {1: "sent"}
        assert len(message_ids(smtp)) == 2
        assert len(set(message_ids(smtp))) == 1


async def killed_while_it_claims(notifier: Notifier, smtp: SmtpServer, process: BaseProcess) -> None:
    smtp.delay_seconds = 60
    claimed = "SELECT id FROM delivery WHERE status = 'sending' AND lease_until > clock_now()"
    await until(lambda: notifier.rows(claimed), PATIENCE, every=0.002)
    process.kill()


async def killed_before_the_server_answers(notifier: Notifier, smtp: SmtpServer, process: BaseProcess) -> None:
    del notifier
    smtp.delay_seconds = 60
    connections = smtp.connections
    await until(lambda: smtp.connections > connections, PATIENCE, every=0.002)
    process.kill()


async def killed_between_acceptance_and_commit(notifier: Notifier, smtp: SmtpServer, process: BaseProcess) -> None:
    del notifier
    smtp.delay_seconds = 0.3
    connections = smtp.connections
    await until(lambda: smtp.connections > connections, PATIENCE, every=0.002)
    async with database.transaction() as session:
        await session.execute(text("SELECT id FROM delivery WHERE status = 'sending' FOR UPDATE"))
        await accepts(smtp, len(smtp.mails) + 1)
        process.kill()


async def killed_at_any_moment(notifier: Notifier, smtp: SmtpServer, process: BaseProcess) -> None:
    del notifier
    smtp.delay_seconds = 0.005
    await accepts(smtp, len(smtp.mails) + random.randint(1, 3))
    process.kill()


@pytest.mark.timeout(120 + 20 * KILLS)
async def test_a_notifier_killed_again_and_again_mails_every_owner(
    configured: pytest.MonkeyPatch, smtp: SmtpServer
) -> None:
    configured.setenv("ROUNDS_SMTP_URL", smtp.url)
    settings.cache_clear()
    moments = (
        killed_while_it_claims,
        killed_before_the_server_answers,
        killed_between_acceptance_and_commit,
        killed_at_any_moment,
    )
    owners, ahead = (1, 2, 3), timedelta()
    async with running() as notifier:
        for user_id in owners:
            await notifier.user(user_id)
        for kill in range(KILLS):
            await notifier.deliver(run_completed(owner_ids=list(owners)))
            process = FORKED.Process(target=sender.run, args=(dict(os.environ),), daemon=True)
            await asyncio.to_thread(process.start)
            await moments[kill % len(moments)](notifier, smtp, process)
            await asyncio.to_thread(process.join)
            ahead += timedelta(minutes=2, seconds=1)
            await notifier.move_clock(ahead)
        smtp.delay_seconds = 0
        notifier.start()
        await sent_after_reaping(notifier)
        rows = await notifier.rows("SELECT id, recipient, status FROM delivery")
    assert [row["status"] for row in rows] == ["sent"] * KILLS * len(owners)
    sent = {(message_id, mail.recipients[0]) for message_id, mail in zip(message_ids(smtp), smtp.mails, strict=True)}
    assert sent == {(f"<{row['id']}@rounds.example.test>", f"user{row['recipient']}@example.test") for row in rows}
    assert len(smtp.mails) <= len(rows) + KILLS
