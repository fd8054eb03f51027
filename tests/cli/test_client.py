"""Commands that talk to a running platform."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from junitparser import JUnitXml

from cli.postgres import free_port
from tests.cli.conftest import LogIns, Rounds, run_command
from tests.support.platform import USER_PASSWORD, Platform
from tests.support.smtp import SmtpServer
from tests.support.target import Target
from tests.support.wait import until


def document(name: str, status: int) -> dict[str, Any]:
    """A case that passes when the target answers 200."""
    step = {
        "name": "look",
        "type": "request",
        "request": {"method": "GET", "url": f"{{{{base_url}}}}/status/{status}"},
        "asserts": [{"query": {"type": "status"}, "predicate": "==", "value": 200}],
    }
    return {"apiVersion": "rounds/v1", "kind": "Case", "name": name, "steps": [step]}


class Sample:
    """A project with a case that passes and one that fails."""

    def __init__(self, platform: Platform, target: Target) -> None:
        self.admin = platform.admin
        self.target = target
        self.project = self.environment = self.module = self.good = self.bad = 0

    async def make(self) -> None:
        self.project = await self.create("/catalog/projects", {"name": "项目A"})
        environment = {"name": "qa", "base_urls": {"default": self.target.url}, "is_default": True}
        self.environment = await self.create(f"/catalog/projects/{self.project}/environments", environment)
        self.module = await self.create(f"/catalog/projects/{self.project}/modules", {"name": "用户"})
        self.good, self.bad = [await self.case(name, status) for name, status in (("good", 200), ("bad", 503))]

    async def case(self, name: str, status: int) -> int:
        return await self.create(f"/catalog/modules/{self.module}/cases", {"document": document(name, status)})

    async def create(self, path: str, body: dict[str, Any]) -> int:
        answer = await self.admin.post(path, json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return int(answer.json()["id"])

    async def task(self, *cases: int) -> int:
        body = {
            "case_ids": list(cases),
            "parallel": 0,
            "owner_ids": [self.admin.user_id],
            "startTime": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
            "task_name": "每小时",
        }
        answer = await self.admin.post("/api-data/schedule-api-cases", json=body)
        assert answer.status_code == httpx.codes.OK, answer.text
        return int(answer.json()["task_id"])


@pytest.fixture
async def sample(platform: Platform, target: Target) -> Sample:
    made = Sample(platform, target)
    await made.make()
    return made


async def test_login_keeps_the_browsers_session_and_logout_deletes_the_token(
    rounds: Rounds, platform: Platform, log_ins: LogIns
) -> None:
    assert (await platform.admin.get("/user/verify")).status_code == httpx.codes.OK
    assert log_ins.mode() == 0o600
    token = log_ins.read()[platform.url]["token"]
    with_token = {"Authorization": f"Token {token}"}
    assert (await platform.admin.get("/user/verify", headers=with_token)).status_code == httpx.codes.OK

    assert (await rounds("logout")).code == 0
    assert (await platform.admin.get("/user/verify", headers=with_token)).status_code == httpx.codes.UNAUTHORIZED
    refused = await rounds("monitor", "--once")
    assert refused.code == 2
    assert "rounds login" in refused.err


async def test_a_wrong_password_is_told_in_the_servers_words(platform: Platform, log_ins: LogIns) -> None:
    refused = await run_command("login", "admin", "--password", "wrong", ROUNDS_URL=platform.url)
    assert refused.code == 2
    assert "login_failed" in refused.err
    assert log_ins.read() == {}
    chinese = await run_command("login", "admin", "--password", "no", ROUNDS_URL=platform.url, LANG="zh_CN.UTF-8")
    assert "密码错误或该账号被禁用" in chinese.err
    nobody = await run_command("login", "admin", ROUNDS_URL=platform.url)
    assert "no terminal to ask on" in nobody.err


async def test_a_first_password_is_changed_on_the_way(platform: Platform, log_ins: LogIns) -> None:
    fields = {"username": "bob", "real_name": "Bob", "email": "", "is_superuser": False}
    assert (await platform.admin.post("/user/user-view", json=fields)).status_code == httpx.codes.OK
    login = ["login", "bob", "--password", "123456", "--new-password", USER_PASSWORD]
    ended = await run_command(*login, ROUNDS_URL=platform.url)
    assert ended.code == 0, ended.err
    assert log_ins.read()[platform.url]["username"] == "bob"


async def test_an_address_where_nobody_answers_is_an_error(log_ins: LogIns) -> None:
    assert log_ins.read() == {}
    ended = await run_command("runs", "--url", f"http://127.0.0.1:{free_port()}", "--token", "rnd_x")
    assert ended.code == 2
    assert "does not answer" in ended.err


async def test_a_token_that_the_server_does_not_know_is_an_error(platform: Platform) -> None:
    ended = await run_command("runs", ROUNDS_URL=platform.url, ROUNDS_TOKEN="rnd_unknown")
    assert ended.code == 2
    assert "not_authenticated" in ended.err
    assert "rnd_unknown" not in ended.err


async def test_run_exits_with_the_result_and_shows_expected_and_actual(rounds: Rounds, sample: Sample) -> None:
    passed = await rounds("run", sample.good, "--wait")
    assert passed.code == 0, passed.out + passed.err
    assert "1 of 1 cases passed (100 %)" in passed.out

    failed = await rounds("run", sample.good, sample.bad, "--parallel", "--wait")
    assert failed.code == 1, failed.out + failed.err
    assert "expected status == 200, actual 503" in failed.out
    assert f"GET {sample.target.url}/status/503 answered 503" in failed.out
    assert "1 of 2 cases passed (50 %)" in failed.out
    assert "\x1b" not in failed.out + failed.err

    report = await rounds(
        "run", sample.bad, "--environment", f"{sample.project}={sample.environment}", "--wait", "-o", "json"
    )
    assert report.code == 1
    assert json.loads(report.out)["cases"][0]["case_id"] == sample.bad


async def test_run_writes_junit_for_ci_whatever_the_result(rounds: Rounds, sample: Sample, tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    failed = await rounds("run", sample.good, sample.bad, "--wait", "--junit", file)
    assert failed.code == 1, failed.out + failed.err
    assert [(suite.name, suite.tests, suite.failures) for suite in JUnitXml.fromfile(str(file))] == [
        ("good", 1, 0),
        ("bad", 1, 1),
    ]

    nowhere = await rounds("run", sample.good, "--wait", "--junit", tmp_path / "missing" / "report.xml")
    assert (nowhere.code, "cannot be written" in nowhere.err) == (2, True)
    assert (await rounds("run", sample.good, "--junit", file)).code == 2


async def test_run_of_an_unknown_case_names_the_fault(rounds: Rounds) -> None:
    ended = await rounds("run", 99_999, "--wait")
    assert ended.code == 2
    assert "invalid_parameter" in ended.err
    assert "case_ids" in ended.err
    assert "99999" in ended.err


async def test_run_does_not_wait_unless_told(rounds: Rounds, sample: Sample) -> None:
    queued = await rounds("run", sample.good, "-o", "json")
    assert queued.code == 0, queued.err
    run_id = json.loads(queued.out)["run_id"]

    async def listed() -> bool:
        page = json.loads((await rounds("runs", "--status", "passed", "--output", "json")).out)
        return run_id in [one["run_id"] for one in page["data"]]

    await until(listed, 20)
    assert run_id in (await rounds("runs")).out


async def test_fire_runs_a_task_now_and_the_monitor_shows_how_it_ended(
    rounds: Rounds, sample: Sample, smtp: SmtpServer
) -> None:
    task_id = await sample.task(sample.good, sample.bad)
    before = await rounds("monitor", "--once")
    assert before.code == 0, before.err
    assert "每小时" in before.out
    assert "pending" in before.out

    fired = await rounds("fire", task_id, "--wait")
    assert fired.code == 1, fired.out + fired.err
    assert "expected status == 200, actual 503" in fired.out

    async def shown() -> bool:
        (task,) = json.loads((await rounds("tasks", "-o", "json")).out)["data"]
        return task["last_run"] is not None and task["last_run"]["pass_rate"] == 50

    await until(shown, 20)
    assert "50 %" in (await rounds("monitor", "--once")).out
    del smtp


async def test_fire_of_an_unknown_task_is_an_error(rounds: Rounds) -> None:
    ended = await rounds("fire", 4711)
    assert ended.code == 2
    assert "task_not_found" in ended.err


async def test_a_pass_by_hand_tells_what_it_did(rounds: Rounds, platform: Platform) -> None:
    assert "0 fired" in (await rounds("scheduler", "tick")).out
    assert json.loads((await rounds("scheduler", "tick", "-o", "json")).out)["fired"] == 0
    assert "overdue" in (await rounds("scheduler", "status")).out
    bob = await platform.user("bob")
    refused = await rounds("scheduler", "tick", ROUNDS_TOKEN=bob.headers["Authorization"].removeprefix("Token "))
    assert refused.code == 2
    assert "permission_denied" in refused.err


async def test_a_case_goes_out_as_yaml_and_comes_back_the_same(rounds: Rounds, sample: Sample, tmp_path: Path) -> None:
    exported = await rounds("case", "export", sample.good)
    assert exported.code == 0, exported.err
    file = tmp_path / "case.yaml"
    file.write_text(exported.out)
    assert (await rounds("case", "validate", file)).code == 0

    imported = await rounds("case", "import", file, "--module", sample.module, "-o", "json")
    assert imported.code == 0, imported.err
    saved = json.loads(imported.out)
    assert saved["document"] == document("good", 200)
    piped = await rounds("case", "import", "-", "--case", saved["id"], stdin=exported.out.replace("good", "better"))
    assert piped.code == 0, piped.err
    assert "better: revision 2" in piped.out
    listed = await rounds("cases", "--module", sample.module, "--search", "better")
    assert "better" in listed.out


async def test_a_faulty_file_is_refused_with_the_place_of_each_fault(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    wrong = document("wrong", 200)
    wrong["steps"][0]["asserts"][0]["predicate"] = "resembles"
    file.write_text(json.dumps(wrong))
    refused = await run_command("case", "validate", file)
    assert refused.code == 2
    assert "steps[0].asserts[0].predicate" in refused.err
    file.write_text("steps: [")
    assert (await run_command("case", "validate", file)).code == 2
    missing = await run_command("case", "validate", tmp_path / "missing.yaml")
    assert (missing.code, "No such file" in missing.err) == (2, True)
