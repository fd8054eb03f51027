"""The whole OpenAPI document, fuzzed as each role: every answer is one that the document describes."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from cli.docs import whole
from tests.contract.world import World

TIMES = int(os.environ.get("ROUNDS_FUZZ_TIMES", "1"))
"""How much longer than in the everyday run: ROUNDS_FUZZ_TIMES=100 pytest tests/contract/test_fuzz.py"""
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,use_after_free"
)


@pytest.mark.timeout(600 * TIMES)
@pytest.mark.parametrize(
    "runs",
    [
        [("anonymous", "fuzzing", 1), ("member", "fuzzing", 1)],
        [("superuser", "examples,stateful", 8), ("superuser", "fuzzing", 1)],
    ],
    ids=["others", "superuser"],
)
async def test_every_answer_to_a_role_is_as_the_document_says(
    world: World, runs: list[tuple[str, str, int]], tmp_path: Path
) -> None:
    page = tmp_path / "openapi.json"
    page.write_text(json.dumps(whole()))
    for role, phases, examples in runs:
        caller = world.platform.admin if role == "superuser" else world.callers[role]  # the one that cannot be disabled
        command = [sys.executable, "-m", "schemathesis.cli", "run", str(page), "--url", world.platform.url]
        command += ["--checks", CHECKS, "--max-examples", str(examples * TIMES)]
        command += ["--generation-deterministic", "--no-shrink", "--suppress-health-check", "all"]
        command += ["--phases", phases, "--request-timeout", "30"]
        command += ["--no-color", "--warnings", "off"]
        command += ["--exclude-path", "/user/logout", "--exclude-path", "/scheduler/events"]  # the end; no end
        if token := caller.headers.get("Authorization"):
            command += ["--header", f"Authorization: {token}"]
        fuzz = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await fuzz.communicate()
        assert fuzz.returncode == 0, said.decode()
        if token:
            assert (await caller.get("/user/verify")).status_code == 200, "the session ended before the fuzzing did"
