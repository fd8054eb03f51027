"""The last release's code on the schema of this version: alone, beside this version's code, and relieved by it.

That is a rolling update, and the schema of one is there before its code. It fails where a migration takes away or
requires what the old code does not know; `deploy/last-release` says which code that is.
"""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.postgres import free_port
from contracts.compatibility import last_release
from kit.settings import SERVICES, settings
from kit.topics import ensure_topics
from tests.flows.conftest import ROUNDS
from tests.flows.story import ADMIN_PASSWORD, Shop, log_in_step, ok, open_shop, order_step
from tests.flows.test_main_job import check_mails, check_report
from tests.support.processes import Process, running
from tests.support.release import checked_out, its_command
from tests.support.smtp import SmtpServer
from tests.support.target import Target

pytestmark = pytest.mark.timeout(400)


def serving(rounds: list[str], port: int) -> list[str]:
    """All five services in one process that speaks over Kafka, and so beside others."""
    return [*rounds, "serve", *SERVICES, "--port", str(port)]


def errors(process: Process) -> list[str]:
    """What it logged as an error of its own."""
    lines = [json.loads(line) for line in process.log().splitlines() if line.startswith("{")]
    return [str(one) for one in lines if one["level"] == "ERROR" and not one["name"].startswith("aiokafka")]


async def check_reading(shop: Shop, document: dict[str, Any], known: dict[str, Any]) -> None:
    """Every page of the API that can be read with these ids is there."""
    for path, operations in document["paths"].items():
        names = re.findall(r"{(\w+)}", path)
        if "get" in operations and not path.endswith("/events") and known.keys() >= set(names):
            answer = await shop.tester.get(path.format_map(known), params={"case_ids": known["case_id"]})
            assert answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR, f"{path}: {answer.text}"


async def test_the_last_release_works_on_this_schema_and_this_version_takes_its_work_over(
    databases: str, kafka: str, target: Target, smtp: SmtpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_port, new_port = free_port(), free_port()
    old_url, new_url = f"http://127.0.0.1:{old_port}", f"http://127.0.0.1:{new_port}"
    monkeypatch.setenv("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("ROUNDS_KAFKA_PREFIX", f"{databases}.release.")
    monkeypatch.setenv("ROUNDS_ADMIN_PASSWORD", ADMIN_PASSWORD)
    monkeypatch.setenv("ROUNDS_SMTP_URL", smtp.url)
    monkeypatch.setenv("ROUNDS_PUBLIC_URL", old_url)
    monkeypatch.setenv("ROUNDS_EXECUTOR_EGRESS_ALLOW", "127.0.0.0/8,::1/128")
    settings.cache_clear()
    await ensure_topics()
    release = checked_out(tmp_path / "release", *last_release())
    document = json.loads((release / "docs" / "openapi.json").read_text())

    old_command = serving(its_command(release), old_port)
    async with running(old_command, tmp_path / "old.log", url=f"{old_url}/readyz") as old:
        shop = await open_shop(old_url, target)
        green = await shop.case("Order is paid", log_in_step(), order_step())
        red = await shop.case("Order is refunded", log_in_step(), order_step("refunded"), order_step())
        first = await shop.ended(await shop.schedule([green, red], in_seconds=2))
        await check_report(shop, first["last_run_id"], green, red)
        await check_mails(smtp, old_url, first["last_run_id"])
        known = {
            "case_id": green,
            "project_id": shop.project_id,
            "environment_id": shop.environment_id,
            "module_id": shop.module_id,
            "task_id": first["id"],
            "run_id": first["last_run_id"],
            "revision": 1,
        }
        await check_reading(shop, document, known)

        async with running(serving([ROUNDS], new_port), tmp_path / "new.log", url=f"{new_url}/readyz") as new:
            saved = (await ok(shop.tester.get(f"{new_url}/catalog/cases/{green}")))["document"]
            renamed = {**saved, "name": "Order is paid at once"}
            await ok(shop.tester.put(f"{new_url}/catalog/cases/{green}", json={"document": renamed}))
            assert (await ok(shop.tester.get(f"/catalog/cases/{green}")))["document"]["name"] == renamed["name"]
            assert (await shop.ended(await shop.schedule([green], in_seconds=2)))["status"] == "completed"
            waiting = await shop.schedule([green], in_seconds=6)
            assert await old.stop(grace=30) == 0

            shop.tester.base_url = httpx.URL(new_url)
            task = await shop.ended(waiting)
            assert (task["status"], task["execution_count"]) == ("completed", 1)
            await check_report(shop, first["last_run_id"], green, red)
            assert len(await shop.run_ids([first["id"], waiting])) == 2
            await shop.tester.aclose()
            assert await new.stop(grace=30) == 0
            assert errors(old) + errors(new) == []
