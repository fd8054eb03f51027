"""The main job as others see it: one trace from the first request to the mail, and events that a stranger reads."""

import re
import secrets
from collections import Counter
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.flows.conftest import Rounds, running_rounds
from tests.flows.story import log_in, log_in_step, open_shop, order_step
from tests.support.collector import Span, collector
from tests.support.smtp import SmtpServer
from tests.support.stranger import Stranger, stranger
from tests.support.target import Target
from tests.support.wait import until

SERVICES = {"rounds-auth", "rounds-catalog", "rounds-scheduler", "rounds-executor", "rounds-notifier"}
# Every one of them, and none twice but the mails and the steps.
SPANS = {
    "POST /user/login",
    "POST /catalog/modules/{module_id}/cases",
    "POST /api-data/schedule-api-cases",
    "publish task.due",
    "process task.due",
    "case run",
    "step",
    "publish run.completed",
    "process run.completed",
    "send email",
    "publish notification.sent",
}


ONCE = ("task.due", "run.started", "case.completed", "run.completed")
EVENTS = 6
"""The four, and a mail for each owner."""


def chain(spans: list[Span], name: str) -> list[str]:
    """Names from a span up to the last ancestor that is known."""
    by_id = {span.span_id: span for span in spans}
    found: Span | None = next(span for span in spans if span.name == name)
    names = []
    while found is not None:
        names.append(found.name)
        found = by_id.get(found.parent_id)
    return names


def has_heard(reader: Stranger, events: int) -> bool:
    return len(reader.heard()) >= events


async def check_events(rounds: Rounds, run_id: str, folder: Path) -> None:
    """Each of two groups reads all from the beginning: the same ids, each held to docs/asyncapi.yaml."""
    port = re.findall(r"kafka (\d+)", rounds.process.log())[0]
    heard = []
    for group in ("first", "second"):
        async with stranger(f"127.0.0.1:{port}", group, folder / f"{group}.log") as reader:
            await until(partial(has_heard, reader, EVENTS), 60)
            heard.append(reader.heard())
    assert [one["faults"] for one in heard[0]] == [[]] * EVENTS
    assert Counter(one["topic"] for one in heard[0]) == {**dict.fromkeys(ONCE, 1), "notification.sent": 2}
    assert {one["value"]["run_id"] for one in heard[0]} == {run_id}
    assert {one["id"] for one in heard[1]} == {one["id"] for one in heard[0]}


async def check_lag(rounds: Rounds) -> None:
    """The executor has handled what there was."""
    port = re.findall(r"executor (\d+)", rounds.process.log())[0]
    async with httpx.AsyncClient() as client:

        async def caught_up() -> bool:
            told = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            return 'rounds_consumer_lag{service="executor"} 0.0' in told

        await until(caught_up, 30)


@pytest.mark.timeout(400)
async def test_a_run_of_the_main_job_is_one_trace_of_all_services_and_events_that_a_stranger_reads(
    tmp_path: Path, target: Target, smtp: SmtpServer
) -> None:
    trace_id = secrets.token_hex(16)
    async with (
        collector() as spans,
        running_rounds(
            "many", tmp_path, smtp, {"OTEL_EXPORTER_OTLP_ENDPOINT": spans.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        ) as rounds,
    ):
        shop = await open_shop(rounds.url, target)
        await shop.tester.aclose()
        shop.tester = await log_in(rounds.url, "alice", "user-of-tests-1", traceparent=f"00-{trace_id}-{'a' * 16}-01")
        case_id = await shop.case("Order is paid", log_in_step(), order_step())
        task = await shop.ended(await shop.schedule([case_id], in_seconds=2))
        await until(lambda: {span.name for span in spans.of(trace_id)} >= SPANS, 30)
        await shop.tester.aclose()
        await check_events(rounds, task["last_run_id"], tmp_path)
        await check_lag(rounds)

    found = spans.of(trace_id)
    assert {span.service for span in found} == SERVICES
    assert chain(found, "send email") == [
        "send email",
        "process run.completed",
        "publish run.completed",
        "process task.due",
        "publish task.due",
        "POST /api-data/schedule-api-cases",
    ]
    assert chain(found, "step")[:3] == ["step", "case run", "process task.due"]
    steps = [span for span in found if span.name == "step"]
    assert {span.attributes["rounds.status"] for span in steps} == {"passed"}
    (case_run,) = [span for span in found if span.name == "case run"]
    assert case_run.attributes["rounds.run_id"] == task["last_run_id"]
    sent = [dict(request.headers)["traceparent"].split("-")[1:3] for request in target.requests]
    assert sent == [[trace_id, span.span_id] for span in steps]
    assert not any("secret" in str(span) for span in spans.found)
