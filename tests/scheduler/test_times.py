"""Previews of times to come."""

import itertools
from datetime import timedelta
from typing import Any

from tests.scheduler.conftest import Scheduler


async def preview(scheduler: Scheduler, **body: Any) -> list[dict[str, Any]]:
    answer = await scheduler.eve.post("/scheduler/preview", json=body)
    assert answer.status_code == 200, answer.text
    times: list[dict[str, Any]] = answer.json()["times"]
    return times


async def test_a_preview_tells_local_times_and_marks_a_gap(scheduler: Scheduler) -> None:
    times = await preview(
        scheduler, cron="30 2 * * *", timezone="America/New_York", count=3, start="2027-03-13T00:00:00"
    )
    assert times == [
        {"at": "2027-03-13T07:30:00Z", "local": "2027-03-13T02:30:00-05:00", "dst": None, "meant": None},
        {"at": "2027-03-14T07:00:00Z", "local": "2027-03-14T03:00:00-04:00", "dst": "gap", "meant": "02:30"},
        {"at": "2027-03-15T06:30:00Z", "local": "2027-03-15T02:30:00-04:00", "dst": None, "meant": None},
    ]


async def test_a_preview_marks_a_fold(scheduler: Scheduler) -> None:
    [time] = await preview(
        scheduler, cron="30 1 * * *", timezone="America/New_York", count=1, start="2027-11-07T12:00:00"
    )
    assert (time["at"], time["dst"]) == ("2027-11-07T05:30:00Z", "fold")


async def test_a_preview_starts_now_in_the_platforms_zone(scheduler: Scheduler) -> None:
    times = await preview(scheduler, cron="* * * * *")
    assert len(times) == 5
    assert times[0]["local"].endswith("+08:00")


async def test_a_faulty_preview_is_refused(scheduler: Scheduler) -> None:
    for name, value, reason in (
        ("cron", "* * * * * *", "bad_format"),
        ("cron", 5, "wrong_type"),
        ("timezone", "Nowhere", "wrong"),
        ("start", "2027-01-01T00:00:00.5", "bad_format"),
        ("count", 101, "out_of_range"),
        ("seconds", True, "unknown_field"),
    ):
        answer = await scheduler.eve.post("/scheduler/preview", json={"cron": "* * * * *"} | {name: value})
        assert answer.status_code == 400
        assert [(found["field"], found["reason"]) for found in answer.json()["errors"]] == [(name, reason)]


async def test_the_preview_is_what_the_saved_task_will_do(scheduler: Scheduler) -> None:
    zones = ("Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "UTC")
    crons = ("30 2 * * *", "*/20 1 * * *", "0 0 1 * *", "15 3 * * 1-5", "0 12 29 2 *")
    for zone, cron in itertools.product(zones, crons):
        start = "2027-03-01T00:00:00"
        task = await scheduler.save(cron=cron, timezone=zone, startTime=start)
        saved = await scheduler.eve.get(f"/scheduler/tasks/{task['id']}/next", params={"count": 5})
        assert saved.json()["times"] == await preview(scheduler, cron=cron, timezone=zone, start=start)


async def test_the_next_time_of_a_task_that_is_due_once(scheduler: Scheduler) -> None:
    task = await scheduler.save(startTime="2099-08-26T15:00:00")
    path = f"/scheduler/tasks/{task['id']}/next"
    [time] = (await scheduler.eve.get(path)).json()["times"]
    assert (time["at"], time["local"]) == ("2099-08-26T07:00:00Z", "2099-08-26T15:00:00+08:00")
    await scheduler.bob.post("/api-data/cancel-scheduled-task", json={"task_id": task["id"]})
    assert (await scheduler.eve.get(path)).json()["times"] == []
    assert (await scheduler.eve.get("/scheduler/tasks/9999/next")).status_code == 404


async def test_what_is_due_within_the_coming_hours(scheduler: Scheduler) -> None:
    once = await scheduler.save()
    often = await scheduler.save(cron="0 * * * *", startTime=await scheduler.time(60))
    elsewhere = await scheduler.save(scheduler.admin, case_ids=[30])
    paused = await scheduler.save()
    await scheduler.bob.post(f"/scheduler/tasks/{paused['id']}/pause")
    await scheduler.save(startTime=await scheduler.time(timedelta(hours=7).total_seconds()))

    answer = (await scheduler.eve.get("/scheduler/upcoming", params={"hours": 6, "project_id": 7})).json()

    assert not answer["truncated"]
    found = [due["task_id"] for due in answer["data"]]
    assert found.count(once["id"]) == 1
    assert found.count(often["id"]) in {5, 6}
    assert elsewhere["id"] not in found
    assert paused["id"] not in found
    assert [due["at"] for due in answer["data"]] == sorted(due["at"] for due in answer["data"])
