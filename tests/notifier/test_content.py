"""A mail is harmless whatever people name their things, and small whatever they run."""

from html.parser import HTMLParser

import pytest

from contracts.executor import CaseOutcome, FirstFailure
from tests.notifier.conftest import Notifier, case, project_changed, run_completed
from tests.support.smtp import Mail, SmtpServer

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</td></table></body><script>alert(1)</script>",
    '"\' onmouseover=alert(1) x="',
    "javascript:alert(1)",
    "{{7*7}}{% raw %}",
    "</style><style>*{display:none}",
    "&lt;b&gt;",
    "a\u202egpj.exe",
    "line\r\nBcc: victim@example.test",
    "\x00\x07bell",
    "x" * 5000,
]


class Elements(HTMLParser):
    """Every element and attribute of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, tuple[str, ...]]] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


def elements(html: str) -> Elements:
    parser = Elements()
    parser.feed(html)
    return parser


async def mailed(mailing: Notifier, smtp: SmtpServer, cases: list[CaseOutcome], task_name: str) -> Mail:
    smtp.mails.clear()
    await mailing.deliver(run_completed(cases, task_name=task_name, owner_ids=[1], reason=task_name))
    assert set((await mailing.settled()).values()) == {"sent"}
    return smtp.mails[0]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_names_are_shown_as_text(mailing: Notifier, smtp: SmtpServer, text: str) -> None:
    await mailing.user(1)
    await mailing.deliver(project_changed(7, name=text.replace("\x00", "")))

    def cases(name: str) -> list[CaseOutcome]:
        failure = FirstFailure(path="1", name=name, message=name, expected=name, actual=name)
        return [case(20, "failed", name=name, first_failure=failure), case(22, name=name)]

    harmless = elements((await mailed(mailing, smtp, cases("harmless"), "harmless")).html())
    mail = await mailed(mailing, smtp, cases(text), text)
    hostile = elements(mail.html())
    assert hostile.seen == harmless.seen
    assert all(link.startswith("https://rounds.example.test/") for link in hostile.links)
    assert mail.recipients == ["user1@example.test"]
    assert "Bcc" not in mail.message
    assert "\n" not in str(mail.message["Subject"])
    assert "\u202e" not in mail.html() + mail.text() + str(mail.message["Subject"])
    assert "49" not in mail.text().splitlines()[0]
    assert len(mail.raw) < 30_000


async def test_the_mail_of_500_cases_names_each_and_is_not_cut_by_mail_programs(
    mailing: Notifier, smtp: SmtpServer
) -> None:
    await mailing.user(1)
    failure = FirstFailure(path="3", name="支付订单", message="status == 200", expected="200", actual="500")
    cases = [
        case(number, "failed", name=f"订单支付流程回归用例{number}号", first_failure=failure if number <= 50 else None)
        if number % 5 == 0
        else case(number, name=f"订单支付流程回归用例{number}号")
        for number in range(1, 501)
    ]
    mail = await mailed(mailing, smtp, cases, "全量回归")
    assert all(f"用例{number}号" in mail.html() and f"用例{number}号" in mail.text() for number in range(1, 501))
    assert len(mail.html().encode()) < 102_000
    assert len(mail.raw) < 300_000


async def test_the_first_failing_step_is_told_with_what_was_expected_and_found(
    mailing: Notifier, smtp: SmtpServer
) -> None:
    await mailing.user(1)
    failure = FirstFailure(path="3.1", name="支付订单", message="status == 200", expected="200", actual="500")
    mail = await mailed(mailing, smtp, [case(20, "failed", first_failure=failure)], "回归")
    for body in (mail.html(), mail.text()):
        assert "3.1 支付订单: status == 200 · 期望 200，实际 500" in body


async def test_a_run_in_which_nothing_ran_says_so(mailing: Notifier, smtp: SmtpServer) -> None:
    await mailing.user(1)
    run = run_completed([], status="error", reason="nothing_ran", started_at=None, step_pass_rate=None, owner_ids=[1])
    await mailing.deliver(run)
    await mailing.settled()
    (mail,) = smtp.mails
    assert mail.message["Subject"] == "[错误] 每日巡检"
    assert "没有用例被执行" in mail.text()
    assert "nothing_ran" in mail.text()


async def test_mail_programs_find_the_parts_that_they_need(mailing: Notifier, smtp: SmtpServer) -> None:
    await mailing.user(1)
    mail = await mailed(mailing, smtp, [case(22)], "巡检")
    message = mail.message
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert str(message["From"]) == "Rounds <rounds@rounds.example.test>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert mail.html().startswith("<!doctype html>")
    assert "<style" not in mail.html()
