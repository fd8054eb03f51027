"""Creating and updating tasks, as clients of the contract see it."""

from typing import Any

import pytest

from kit.settings import settings
from tests.scheduler.conftest import BOB, EVE, Scheduler, case, user

PATH = "/api-data/schedule-api-cases"


async def test_a_new_task_is_answered_in_full(scheduler: Scheduler) -> None:
    body = {"case_ids": [22, 20], "parallel": 1, "owner_ids": [BOB, EVE], "startTime": "2099-08-26T15:00:00"}

    answer = await scheduler.bob.post(PATH, json=body)

    assert answer.status_code == 200
    assert answer.json()["msg"] == "定时任务创建成功"
    task = answer.json()["task"]
    assert answer.json()["task_id"] == task["id"]
    created = task["created"], task["created_utc"]
    assert task == {
        "id": task["id"], "task_name": "登录 等2个用例 2099-08-26T15:00:00", "case_ids": [22, 20], "parallel": 1,
        "execution_mode": "parallel", "owner_ids": [BOB, EVE], "scheduled_time": "2099-08-26T15:00:00",
        "scheduled_time_utc": "2099-08-26T07:00:00Z", "status": "pending", "execution_count": 0,
        "created": created[0], "created_utc": created[1], "updated": created[0], "updated_utc": created[1],
        "creater": BOB, "updater": BOB, "cron": None, "timezone": None, "until": None, "until_utc": None,
        "targets": [], "paused": False, "last_status": None, "last_run_id": None, "environments": {"7": 5},
        "max_parallel": 20, "overlap": "skip", "misfire_grace_seconds": None, "max_retries": 0,
        "retry_delay_seconds": 60, "failed_stop": True, "only_failed_log": False, "notify": "always",
    }  # fmt: skip


async def test_a_task_of_one_case_is_named_by_it_and_the_time(scheduler: Scheduler) -> None:
    task = await scheduler.save(startTime="2099-01-02T03:04:05")
    assert task["task_name"] == "登录 2099-01-02T03:04:05"


async def test_a_naive_start_is_read_in_the_platforms_zone_where_clocks_are_changed(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_TIMEZONE", "Europe/Berlin")
    settings.cache_clear()
    body = {"case_ids": [22], "parallel": 0, "owner_ids": [BOB], "startTime": "2099-03-29T02:30:00"}
    skipped = await scheduler.bob.post(PATH, json=body)
    faults = [(fault["field"], fault["reason"]) for fault in skipped.json()["errors"]]
    assert (skipped.status_code, faults) == (400, [("startTime", "time_does_not_exist")])
    twice = await scheduler.save(startTime="2099-10-25T02:30:00")
    assert (twice["scheduled_time"], twice["scheduled_time_utc"]) == ("2099-10-25T02:30:00", "2099-10-25T00:30:00Z")
    second = await scheduler.save(startTime="2099-10-25T02:30:00+01:00")
    assert (second["scheduled_time"], second["scheduled_time_utc"]) == ("2099-10-25T02:30:00", "2099-10-25T01:30:00Z")


async def test_a_missing_field_comes_before_all_other_faults(scheduler: Scheduler) -> None:
    for missing in ("case_ids", "parallel", "owner_ids", "startTime"):
        body = {"task_id": 99, "case_ids": "x", "parallel": 7, "owner_ids": [0], "startTime": 5, "junk": 1}
        del body[missing]
        answer = await scheduler.bob.post(PATH, json=body)
        assert answer.status_code == 400
        assert (answer.json()["code"], answer.json()["msg"]) == ("missing_parameter", "缺少必要参数")
        assert [fault["field"] for fault in answer.json()["errors"]] == [missing]


async def test_all_faults_are_told_at_once(scheduler: Scheduler) -> None:
    body = {
        "case_ids": [22, 998, 999], "parallel": True, "owner_ids": [BOB, 4, 777], "startTime": "2020-01-01T00:00:00",
        "junk": 1, "environments": {"7": 9}, "max_retries": "1", "notify": "never",
    }  # fmt: skip

    answer = await scheduler.bob.post(PATH, json=body)

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_parameter"
    found = {(fault["field"], fault["reason"]): fault.get("ids") for fault in answer.json()["errors"]}
    assert found == {
        ("case_ids", "unknown_ids"): [998, 999],
        ("parallel", "wrong_type"): None,
        ("owner_ids", "unknown_ids"): [777],
        ("owner_ids", "inactive"): [4],
        ("startTime", "not_in_future"): None,
        ("junk", "unknown_field"): None,
        ("environments", "unknown_ids"): [9],
        ("max_retries", "wrong_type"): None,
        ("notify", "out_of_range"): None,
    }
    assert await scheduler.rows("SELECT 1 FROM task") == []


FAULTS: list[tuple[str, Any, str]] = [
    ("case_ids", [], "out_of_range"),
    ("case_ids", [0], "out_of_range"),
    ("case_ids", [-1], "out_of_range"),
    ("case_ids", ["22"], "wrong_type"),
    ("case_ids", [True], "wrong_type"),
    ("case_ids", [22.0], "wrong_type"),
    ("case_ids", None, "wrong_type"),
    ("case_ids", [22, 22], "repeated"),
    ("case_ids", list(range(1, 1002)), "out_of_range"),
    ("case_ids", [10**12], "unknown_ids"),
    ("case_ids", [10**30], "out_of_range"),  # past 64 bits no id can be
    ("owner_ids", [], "out_of_range"),
    ("owner_ids", [2, 2], "repeated"),
    ("parallel", 2, "out_of_range"),
    ("parallel", "0", "wrong_type"),
    ("startTime", 5, "wrong_type"),
    ("startTime", "", "bad_format"),
    ("startTime", "2099-08-26 15:00:00", "bad_format"),
    ("startTime", "2099-08-26T15:00:00.5", "bad_format"),
    ("startTime", "2099-08-26T15:00", "bad_format"),
    ("startTime", "2099-02-30T15:00:00", "bad_format"),
    ("startTime", "2099-08-26T15:00:00+25:00", "bad_format"),
    ("startTime", "9999-12-31T23:59:59", "out_of_range"),
    ("startTime", "0001-01-01T00:00:00+08:00", "out_of_range"),
    ("task_id", "1", "wrong_type"),
    ("task_id", None, "wrong_type"),
    ("task_id", 0, "out_of_range"),
    ("task_name", "", "out_of_range"),
    ("task_name", "a\x00b", "bad_format"),
    ("task_name", "x" * 201, "out_of_range"),
    ("cron", "* * * * * *", "bad_format"),
    ("cron", "61 * * * *", "bad_format"),
    ("cron", "0 0 30 2 *", "bad_format"),
    ("cron", "@daily", "bad_format"),
    ("timezone", "Mars/Base", "wrong"),
    ("timezone", "Asia/Shanghai", "wrong"),
    ("until", "2099-01-01T00:00:00", "wrong"),
    ("targets", [{"module_id": 999}], "unknown_ids"),
    ("environments", {"seven": 3}, "bad_format"),
    ("max_parallel", 0, "out_of_range"),
]


async def test_a_faulty_field_is_named_with_its_reason(scheduler: Scheduler) -> None:
    sound = {"case_ids": [22], "parallel": 0, "owner_ids": [BOB], "startTime": "2098-08-26T15:00:00"}
    for field, value, reason in FAULTS:
        answer = await scheduler.bob.post(PATH, json=sound | {field: value})
        found = answer.json()
        assert (answer.status_code, found["code"]) == (400, "invalid_parameter"), (field, value, answer.text)
        [fault] = found["errors"]
        assert fault["field"].startswith(field), (field, value, fault)
        assert fault["reason"] == reason, (field, value, fault)
    assert await scheduler.rows("SELECT 1 FROM task") == []


async def test_a_faulty_cron_expression_is_told_what_is_wrong_with_it(scheduler: Scheduler) -> None:
    for cron, words in (("0 0 9 * * *", "有五个字段"), ("61 * * * *", "超出范围"), ("0 0 30 2 *", "没有一天匹配")):
        preview = await scheduler.bob.post("/scheduler/preview", json={"cron": cron, "timezone": "UTC"})
        body = {"case_ids": [22], "parallel": 0, "owner_ids": [BOB], "startTime": "2098-08-26T15:00:00", "cron": cron}
        for answer in (preview, await scheduler.bob.post(PATH, json=body)):
            [fault] = answer.json()["errors"]
            assert (fault["field"], fault["reason"]) == ("cron", "bad_format")
            assert words in fault["msg"]


async def test_a_body_that_is_no_json_object_is_refused(scheduler: Scheduler) -> None:
    for body in (b"", b"{", b"[]", b"null", b"\xff", b'{"case_ids": ' + b"9" * 5000 + b"}"):
        answer = await scheduler.bob.post(PATH, content=body)
        assert answer.status_code == 400
        assert answer.json()["errors"] == [{"field": "body", "reason": "bad_format", "msg": "格式错误"}], body


async def test_nobody_in_particular_may_save(scheduler: Scheduler) -> None:
    answer = await scheduler.bob.post(PATH, content=b"{", headers={"Authorization": "Token nonsense"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"


async def test_who_must_change_the_password_may_do_nothing_else(scheduler: Scheduler) -> None:
    await scheduler.state(user(EVE, "eve", revision=2, must_change_password=True))
    answer = await scheduler.eve.post(PATH, json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "must_change_password")


async def test_a_time_with_an_offset_is_taken_and_told_in_the_platforms_zone(scheduler: Scheduler) -> None:
    task = await scheduler.save(startTime="2099-08-26T15:00:00-05:00")
    assert task["scheduled_time"] == "2099-08-27T04:00:00"
    assert task["scheduled_time_utc"] == "2099-08-26T20:00:00Z"


async def test_rights_on_every_case_are_needed_and_the_others_are_named(scheduler: Scheduler) -> None:
    body = {"case_ids": [22, 30], "parallel": 0, "owner_ids": [BOB], "startTime": "2099-08-26T15:00:00"}

    refused = await scheduler.bob.post(PATH, json=body)

    assert refused.status_code == 403
    assert refused.json()["code"] == "permission_denied"
    assert refused.json()["errors"][0]["ids"] == [30]
    assert (await scheduler.admin.post(PATH, json=body)).status_code == 200


async def test_a_missing_right_is_confirmed_with_auth_before_it_is_refused(scheduler: Scheduler) -> None:
    scheduler.sources.know("users", user(BOB, "bob", [7, 8], revision=2))
    await scheduler.save(case_ids=[22, 30])
    assert [asked for asked, _ in scheduler.sources.asked] == ["auth/users"]


async def test_unknown_ids_are_asked_about_in_one_call_and_then_known(scheduler: Scheduler) -> None:
    scheduler.sources.know("cases", *[case(id_) for id_ in range(1000, 1999)])
    ids = [22, *range(1000, 1999)]

    task = await scheduler.save(case_ids=ids)

    assert task["case_ids"] == ids
    assert [asked for asked, _ in scheduler.sources.asked] == ["catalog/cases"]
    await scheduler.save(case_ids=ids)
    assert len(scheduler.sources.asked) == 1


async def test_an_unknown_id_is_no_fault_of_the_caller_while_its_source_is_away(scheduler: Scheduler) -> None:
    scheduler.sources.down = True
    body = {"case_ids": [999], "parallel": 0, "owner_ids": [BOB], "startTime": "2099-08-26T15:00:00"}

    answer = await scheduler.bob.post(PATH, json=body)

    assert answer.status_code == 503
    assert answer.json()["code"] == "dependency_unavailable"
    assert "Retry-After" in answer.headers
    body["case_ids"] = [30]
    assert (await scheduler.bob.post(PATH, json=body)).status_code == 403


async def test_settings_of_who_saves_are_the_defaults_and_are_stored(scheduler: Scheduler) -> None:
    chosen = user(BOB, "bob", [7], revision=2).settings
    assert chosen is not None
    own = chosen.model_copy(update={"environments": {7: 3}, "failed_stop": False, "only_failed_log": True})
    await scheduler.state(user(BOB, "bob", [7], revision=2, settings=own))

    task = await scheduler.save()

    assert (task["environments"], task["failed_stop"], task["only_failed_log"]) == ({"7": 3}, False, True)


async def test_an_update_keeps_what_is_left_out_and_resets_what_is_null(scheduler: Scheduler) -> None:
    saved = await scheduler.save(
        task_name="每晚", max_retries=3, notify="on_change", environments={"7": 3}, failed_stop=False
    )
    same = {"task_id": saved["id"], "case_ids": [20], "parallel": 1, "owner_ids": [BOB]}

    kept = await scheduler.save(**same)
    reset = await scheduler.save(
        **same, task_name=None, max_retries=None, notify=None, environments=None, failed_stop=None,
        startTime="2099-08-26T16:30:00",
    )  # fmt: skip

    assert {name: kept[name] for name in ("task_name", "max_retries", "notify", "environments", "failed_stop")} == {
        "task_name": "每晚", "max_retries": 3, "notify": "on_change", "environments": {"7": 3}, "failed_stop": False,
    }  # fmt: skip
    assert (kept["case_ids"], kept["parallel"]) == ([20], 1)
    assert {name: reset[name] for name in ("task_name", "max_retries", "notify", "environments", "failed_stop")} == {
        "task_name": "下单 2099-08-26T16:30:00", "max_retries": 0, "notify": "always", "environments": {"7": 5},
        "failed_stop": True,
    }  # fmt: skip


async def test_a_generated_name_is_generated_again(scheduler: Scheduler) -> None:
    saved = await scheduler.save()
    updated = await scheduler.save(task_id=saved["id"], case_ids=[20, 22], startTime="2099-08-26T16:30:00")
    assert updated["task_name"] == "下单 等2个用例 2099-08-26T16:30:00"


async def test_an_update_is_refused_in_the_order_of_the_contract(scheduler: Scheduler) -> None:
    task = await scheduler.save()
    faulty = {"task_id": task["id"], "case_ids": [0], "parallel": 5, "owner_ids": [], "startTime": "x"}

    unknown = await scheduler.bob.post(PATH, json={**faulty, "task_id": 10**12})
    foreign = await scheduler.eve.post(PATH, json=faulty)
    invalid = await scheduler.bob.post(PATH, json=faulty)
    await scheduler.bob.post("/api-data/cancel-scheduled-task", json={"task_id": task["id"]})
    too_late = await scheduler.bob.post(PATH, json=faulty)

    assert (unknown.status_code, unknown.json()["code"], unknown.json()["msg"]) == (404, "task_not_found", "任务不存在")
    assert (foreign.status_code, foreign.json()["code"]) == (403, "permission_denied")
    assert (invalid.status_code, len(invalid.json()["errors"])) == (400, 4)
    assert (too_late.status_code, too_late.json()["code"]) == (409, "task_not_pending")
    assert too_late.json()["msg"] == "只能操作待执行(pending)的任务，当前状态：cancelled"


async def test_owners_and_creator_may_update_and_strangers_may_not(scheduler: Scheduler) -> None:
    task = await scheduler.save(owner_ids=[EVE])
    by_creator = await scheduler.save(task_id=task["id"], owner_ids=[EVE])
    assert by_creator["updater"] == BOB
    owner = await scheduler.eve.post("/api-data/cancel-scheduled-task", json={"task_id": task["id"]})
    assert owner.status_code == 200
    assert owner.json()["task"]["updater"] == EVE


async def test_messages_are_english_for_who_asks(scheduler: Scheduler) -> None:
    answer = await scheduler.bob.post(PATH, json={}, headers={"Accept-Language": "en"})
    assert answer.json()["msg"] == "A required parameter is missing"


async def test_a_trailing_slash_is_no_other_path(scheduler: Scheduler) -> None:
    answer = await scheduler.bob.post(PATH + "/", json={})
    assert answer.status_code == 400


async def test_the_same_idempotency_key_makes_one_task(scheduler: Scheduler) -> None:
    body = {"case_ids": [22], "parallel": 0, "owner_ids": [BOB], "startTime": "2099-08-26T15:00:00"}

    first = await scheduler.bob.post(PATH, json=body, headers={"Idempotency-Key": "k1"})
    again = await scheduler.bob.post(PATH, json=body, headers={"Idempotency-Key": "k1"})
    other = await scheduler.bob.post(PATH, json=body | {"parallel": 1}, headers={"Idempotency-Key": "k1"})
    another = await scheduler.bob.post(PATH, json=body, headers={"Idempotency-Key": "k2"})

    assert first.json() == again.json()
    assert other.status_code == 400
    assert another.json()["task_id"] != first.json()["task_id"]


async def test_a_recurring_task_is_due_at_the_first_match_from_its_start(scheduler: Scheduler) -> None:
    task = await scheduler.save(startTime="2099-08-26T09:00:00", cron="0 9 * * *")
    assert (task["scheduled_time"], task["timezone"]) == ("2099-08-26T09:00:00", "Asia/Shanghai")
    assert task["misfire_grace_seconds"] == 300
    later = await scheduler.save(
        task_id=task["id"], startTime="2099-08-26T09:00:01", timezone="America/New_York", until="2099-08-27T00:00:00"
    )
    assert later["scheduled_time_utc"] == "2099-08-26T13:00:00Z"
    assert (later["until"], later["until_utc"]) == ("2099-08-27T00:00:00", "2099-08-26T16:00:00Z")


async def test_an_end_before_the_first_match_is_refused(scheduler: Scheduler) -> None:
    body = {"case_ids": [22], "parallel": 0, "owner_ids": [BOB], "startTime": "2099-08-26T15:00:00"}
    body |= {"cron": "0 9 * * *", "until": "2099-08-27T08:59:59"}
    answer = await scheduler.bob.post(PATH, json=body)
    assert [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]] == [("until", "out_of_range")]


async def test_targets_may_stand_in_place_of_cases(scheduler: Scheduler) -> None:
    task = await scheduler.save(case_ids=[], targets=[{"module_id": 4}, {"project_id": 7, "tag": "smoke"}])
    assert task["targets"] == [{"module_id": 4}, {"project_id": 7, "tag": "smoke"}]
    refused = await scheduler.bob.post(
        PATH,
        json={"case_ids": [], "parallel": 0, "owner_ids": [BOB], "startTime": "2099-08-26T15:00:00"}
        | {"targets": [{"module_id": 6}]},
    )
    assert refused.status_code == 403


async def test_a_recurring_task_that_could_never_be_due_is_refused_with_its_reason(scheduler: Scheduler) -> None:
    sound = {"case_ids": [22], "parallel": 0, "owner_ids": [BOB], "startTime": "2098-08-26T15:00:00"}
    daily = {"cron": "0 9 * * *", "timezone": "Europe/Berlin"}
    for times, expected in (
        ({**daily, "cron": "0 0 9 * * *"}, [("cron", "bad_format")]),
        ({**daily, "cron": "0 9 31 2 *"}, [("cron", "bad_format")]),
        ({**daily, "timezone": "Mars/Base"}, [("timezone", "wrong")]),
        ({**daily, "until": "2098-08-26T14:59:59"}, [("until", "out_of_range")]),
        ({**daily, "startTime": "2020-01-01T00:00:00"}, [("startTime", "not_in_future")]),
    ):
        answer = await scheduler.bob.post(PATH, json=sound | times)
        assert answer.status_code == 400, times
        assert [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]] == expected, times
    assert await scheduler.rows("SELECT 1 FROM task") == []
