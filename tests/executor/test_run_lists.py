"""Lists of runs: each filter finds what it names, newest first, page by page, however old."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.partitions import first_uuid7
from tests.executor.conftest import MEMBER, PROJECT, Executor

STATUSES = ("passed", "passed", "failed", "error", "passed")
STORE = """
    INSERT INTO run (run_id, status, trigger, task_id, attempt, max_attempts, parallel, max_parallel, failed_stop,
            only_failed_log, environments, project_ids, owner_ids, created_at, finished_at, cases_total)
        VALUES ('{run_id}', '{status}', '{trigger}', {task_id}, 1, 1, 0, 1, true, false, '{{}}', '{{{project_id}}}',
            '{{{owner_id}}}', '{at}', '{at}', 1) RETURNING run_id"""
STORE_CASE = """
    INSERT INTO case_run (run_id, position, data_row, case_id, project_id, min_revision, name, status)
        SELECT '{run_id}', 0, row, {case_id}, {project_id}, 1, 'case', 'passed' FROM generate_series(0, 1) AS row
        RETURNING run_id"""


@pytest.fixture
async def history(executor: Executor) -> list[dict[str, Any]]:
    """Runs of 45 days, the newest first: three on each of the last days, later one every other day."""
    now, made = datetime.now(UTC), []
    ages = [timedelta(hours=8 * n + 1) for n in range(9)] + [timedelta(days=2 * n + 4) for n in range(20)]
    for number, age in enumerate(ages):
        at = now - age
        one: dict[str, Any] = {
            "run_id": str(first_uuid7(at)),
            "status": STATUSES[number % 5],
            "trigger": "manual" if number % 7 == 0 else "schedule",
            "task_id": number % 3 + 1,
            "case_id": number % 4 + 1,
            "project_id": PROJECT if number % 2 else 99,
            "owner_id": MEMBER if number % 6 == 0 else 98,
            "at": at,
        }
        await executor.rows(STORE.format(**one))
        await executor.rows(STORE_CASE.format(**one))
        made.append(one)
    return made


FILTERS: list[dict[str, Any]] = [
    {},
    {"task_id": 2},
    {"case_id": 3},
    {"project_id": PROJECT},
    {"project_id": 97},
    {"owner": "me"},
    {"status": "failed"},
    {"status": "cancelled"},
    {"trigger": "manual"},
    {"case_id": 1, "task_id": 1, "status": "passed"},
    {"project_id": PROJECT, "status": "passed", "trigger": "schedule"},
    {"owner": "me", "project_id": 99},
    {"task_id": 3, "project_id": PROJECT},
]


@pytest.mark.parametrize("limit", [2, 7])
async def test_a_filter_finds_what_it_names_page_by_page(
    executor: Executor, history: list[dict[str, Any]], limit: int
) -> None:
    for wanted in FILTERS:
        found, cursor = [], None
        while True:
            params = {**wanted, "limit": limit, **({"cursor": cursor} if cursor else {})}
            page = (await executor.member.get("/runs", params=params)).raise_for_status().json()
            found += [run["run_id"] for run in page["data"]]
            assert len(page["data"]) == limit or page["next_cursor"] is None
            if (cursor := page["next_cursor"]) is None:
                break
        plain = {name: value for name, value in wanted.items() if name != "owner"}
        plain |= {"owner_id": MEMBER} if "owner" in wanted else {}
        assert found == [run["run_id"] for run in history if plain.items() <= run.items()], wanted


async def test_a_span_of_time_is_kept_to(executor: Executor, history: list[dict[str, Any]]) -> None:
    since, until = history[25]["at"], history[5]["at"]
    params = {"since": since.isoformat(), "until": until.isoformat(), "project_id": PROJECT, "limit": 200}
    page = (await executor.member.get("/runs", params=params)).json()
    wanted = [run["run_id"] for run in history[6:26] if run["project_id"] == PROJECT]
    assert [run["run_id"] for run in page["data"]] == wanted


async def test_a_cursor_that_was_never_given_breaks_nothing(executor: Executor, history: list[dict[str, Any]]) -> None:
    for cursor in (
        "7f3e0c55-2a41-4f0e-9d5e-0d5a3c1b2f10",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "00000000-0000-0000-0000-000000000000",
    ):
        answer = await executor.member.get("/runs", params={"cursor": cursor, "project_id": PROJECT})
        assert answer.status_code == 200
        assert len(answer.json()["data"]) in {0, len([run for run in history if run["project_id"] == PROJECT])}
