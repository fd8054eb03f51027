"""Every class of failure of a step that could not be judged, as a user sees it: its word, and what to do about it."""

import signal
from os import getpid, kill
from pathlib import Path
from typing import Any

import pytest

from services.executor.clients import aside_process
from tests.executor.conftest import Executor
from tests.executor.test_runs import get
from tests.executor.test_targets import at, certificate, server
from tests.support.wait import until

MENDS = {
    "dns": "check the environment's base URL",
    "connect": "is it running?",
    "tls": "add its authority to the environment's ca_bundle",
    "timeout": "raise options.timeout_ms",
    "protocol": "look into its log",
    "egress": "ROUNDS_EXECUTOR_EGRESS_ALLOW can allow it",
    "template": "give it a value in the case or its environment",
    "config": "it has no http:// or https:// and host",
}


@pytest.mark.parametrize("failure_class", MENDS)
async def test_a_step_that_cannot_be_judged_says_why_and_what_to_do(
    executor: Executor, failure_class: str, tmp_path: Path
) -> None:
    steps = {
        "dns": at("http://no-such-host.invalid/"),
        "connect": at("http://127.0.0.1:9/"),
        "timeout": get("/slow?ms=5000", options={"timeout_ms": 50}),
        "protocol": get("/close"),
        "egress": at("http://169.254.169.254/"),
        "template": get("/{{nobody}}"),
        "config": at("{{odd}}"),
    }
    async with server(b"", tls=certificate(tmp_path)) as port:
        step = steps.get(failure_class, at(f"https://127.0.0.1:{port}/"))
        case_id = await executor.case(step, get("/status/200"), variables={"odd": "ftp://127.0.0.1/"})
        report = await executor.run(case_id)

    case = report["cases"][0]
    assert (case["status"], case["failure_class"], case["pass_rate"]) == ("error", failure_class, 0)
    assert (report["status"], report["pass_rate"]) == ("error", 0)
    assert MENDS[failure_class] in await _error(executor, report["run_id"], case_id)


async def _error(executor: Executor, run_id: str, case_id: int) -> str:
    return str((await executor.case_report(run_id, case_id))["steps"][0]["error"])


async def test_a_fault_of_the_platform_says_so_and_counts_against_nobody(executor: Executor) -> None:
    """The process that judges costly answers is killed, and so is the one that takes its place."""
    costly: dict[str, Any] = {"query": {"type": "jsonpath", "expr": "$..*..*..*..*"}, "predicate": "exists"}
    body = b'{"a":' * 98 + b"1" + b"}" * 98
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    async with server(answer) as port:
        broken = await executor.case(at(f"http://127.0.0.1:{port}/", costly))
        fine = await executor.case(get("/status/200"))
        run_id = await executor.due(broken, fine)

        async def over() -> bool:
            _kill_all_that_judge()
            return bool((await executor.report(run_id))["status"] == "error")

        await until(over)

    report = await executor.report(run_id)
    found = {case["case_id"]: (case["failure_class"], case["pass_rate"]) for case in report["cases"]}
    assert found == {broken: ("platform", None), fine: (None, 100)}
    assert (report["pass_rate"], report["step_pass_rate"]) == (100, 100)
    assert "was lost; run the case again" in await _error(executor, str(run_id), broken)


def _kill_all_that_judge() -> None:
    """Those of this process: other tests run beside it."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == getpid() and aside_process.__name__.encode() in (process / "cmdline").read_bytes():
                kill(int(process.name), signal.SIGKILL)
        except OSError:
            continue
