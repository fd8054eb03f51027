"""The main job, in both ways to run: due, run, judged, reported, mailed once per owner."""

import httpx
import pytest

from tests.flows.conftest import Rounds
from tests.flows.story import Shop, flaky_step, log_in_step, ok, open_shop, order_step
from tests.support.smtp import SmtpServer
from tests.support.target import Target
from tests.support.wait import until


async def test_a_scheduled_case_is_run_judged_reported_and_mailed(
    rounds: Rounds, target: Target, smtp: SmtpServer
) -> None:
    shop = await open_shop(rounds.url, target)
    green = await shop.case("Order is paid", log_in_step(), {"type": "set", "variables": {"page": 1}}, order_step())
    red = await shop.case("Order is refunded", log_in_step(), order_step("refunded"), order_step())
    task_id = await shop.schedule([green, red], in_seconds=3)

    statuses = {(await shop.task(task_id))["status"]}

    async def ended() -> bool:
        statuses.add((await shop.task(task_id))["status"])
        return bool(statuses & {"completed", "failed"})

    await until(ended, 60, every=0.01)
    assert statuses >= {"pending", "failed"}
    assert "completed" not in statuses

    task = await shop.task(task_id)
    assert (task["execution_count"], task["last_status"]) == (1, "failed")
    await check_report(shop, task["last_run_id"], green, red)
    await check_mails(smtp, rounds.public_url, task["last_run_id"])
    assert "secret" not in str(await ok(shop.tester.get(f"/runs/{task['last_run_id']}/cases/{green}")))
    assert target.count("/login", "POST") == 2
    await shop.tester.aclose()


@pytest.mark.parametrize("mode", ["one"], indirect=True)
async def test_a_task_that_passes_at_its_second_attempt_never_shows_failed_and_is_mailed_once(
    rounds: Rounds, target: Target, smtp: SmtpServer
) -> None:
    shop = await open_shop(rounds.url, target)
    case = await shop.case("Order comes back", flaky_step(fails=1))
    task_id = await shop.schedule([case], max_retries=1, retry_delay_seconds=1)
    seen: list[str] = []

    async def passed() -> bool:
        task = await shop.task(task_id)
        seen.append(task["status"])
        return bool(task["status"] == "completed")

    await until(passed, 60, every=0.01)
    assert set(seen) == {"pending", "running", "completed"}
    assert seen == sorted(seen, key=["pending", "running", "completed"].index)

    [occurrence] = (await ok(shop.tester.get(f"/scheduler/tasks/{task_id}/occurrences")))["data"]
    assert [(one["attempt"], one["state"]) for one in occurrence["firings"]] == [(1, "failed"), (2, "passed")]
    await until(lambda: len(smtp.mails) >= len(shop.owner_ids), 30)
    last_run_id = occurrence["firings"][1]["run_id"]
    deliveries = (await ok(shop.tester.get("/notifications/deliveries")))["data"]
    assert {one["run_id"] for one in deliveries} == {last_run_id}
    assert sorted(mail.recipients[0] for mail in smtp.mails) == ["alice@example.test", "bob@example.test"]
    assert all(last_run_id in mail.text() for mail in smtp.mails)
    await shop.tester.aclose()


async def check_report(shop: Shop, run_id: str, green: int, red: int) -> None:
    run = await ok(shop.tester.get(f"/runs/{run_id}"))
    assert (run["status"], run["trigger"], run["attempt"], run["final"]) == ("failed", "schedule", 1, True)
    assert (run["cases_total"], run["cases_passed"], run["cases_failed"], run["pass_rate"]) == (2, 1, 1, 50)
    assert [(case["case_id"], case["status"]) for case in run["cases"]] == [(green, "passed"), (red, "failed")]
    assert run["cases"][0]["pass_rate"] == 100
    assert run["cases"][1]["pass_rate"] == 50

    report = await ok(shop.tester.get(f"/runs/{run_id}/cases/{red}"))
    assert [step["status"] for step in report["steps"]] == ["passed", "failed", "skipped"]
    failed = report["steps"][1]
    assert failed["request"]["method"] == "GET"
    assert failed["response"]["status"] == 200
    assert [(a["expected"], a["actual"], a["passed"]) for a in failed["asserts"]] == [
        (200, 200, True),
        ("refunded", "paid", False),
        (2, 2, True),
    ]
    assert report["steps"][0]["captures"][0]["found"] is True


async def check_mails(smtp: SmtpServer, public_url: str, run_id: str) -> None:
    await until(lambda: len(smtp.mails) >= 2, 30)
    by_owner = {mail.recipients[0]: mail for mail in smtp.mails}
    assert sorted(by_owner) == ["alice@example.test", "bob@example.test"]
    assert len(smtp.mails) == 2
    assert "失败" in str(by_owner["alice@example.test"].message["Subject"])
    assert "Failed" in str(by_owner["bob@example.test"].message["Subject"])
    for mail in smtp.mails:
        for body in (mail.text(), mail.html()):
            assert "Order is paid" in body
            assert "50" in body
            assert f"{public_url}/console/runs/{run_id}" in body


@pytest.mark.parametrize("mode", ["one"])
async def test_bad_input_is_refused_and_nothing_is_written(rounds: Rounds, target: Target) -> None:
    shop = await open_shop(rounds.url, target)
    case = await shop.case("Order is paid", log_in_step())
    good = {"case_ids": [case], "parallel": 0, "owner_ids": shop.owner_ids, "startTime": "2099-01-01T00:00:00"}
    refused = {
        "missing_parameter": [{k: v for k, v in good.items() if k != name} for name in good],
        "invalid_parameter": [
            {**good, "case_ids": [case, 999_999]},
            {**good, "case_ids": []},
            {**good, "case_ids": [case, case]},
            {**good, "case_ids": ["1"]},
            {**good, "case_ids": [True]},
            {**good, "owner_ids": [999_999]},
            {**good, "parallel": 2},
            {**good, "startTime": "2001-01-01T00:00:00"},
            {**good, "startTime": "2099-01-01T00:00:00.5"},
            {**good, "startTime": "soon"},
            {**good, "unknown": 1},
        ],
    }
    for code, bodies in refused.items():
        for body in bodies:
            answer = await shop.tester.post("/api-data/schedule-api-cases", json=body)
            assert (answer.status_code, answer.json()["code"]) == (400, code), (body, answer.text)
    assert (await shop.tester.post("/api-data/cancel-scheduled-task", json={"task_id": 999})).status_code == 404
    anonymous = httpx.AsyncClient(base_url=rounds.url)
    answer = await anonymous.post("/api-data/schedule-api-cases", json=good)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Token")
    await anonymous.aclose()
    assert (await ok(shop.tester.get("/api-data/scheduled-tasks")))["total"] == 0
    await shop.tester.aclose()
