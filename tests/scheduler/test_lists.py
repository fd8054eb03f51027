"""Lists of tasks: the caller's own on the seed's path, everybody's on /scheduler."""

from datetime import timedelta
from typing import Any

from sqlalchemy import event, text

from contracts.auth import UserChanged
from contracts.catalog import CaseChanged
from services.scheduler import queries
from services.scheduler.main import service
from services.scheduler.usecases import saving
from tests.scheduler.conftest import ADMIN, BOB, EVE, Client, Scheduler, case, completed, user
from tests.scheduler.test_races import copies

PATH = "/api-data/scheduled-tasks"


async def ids(client: Client, path: str = PATH, **params: Any) -> list[int]:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return [task["id"] for task in answer.json()["data"]]


async def test_a_page_of_the_list_in_full(scheduler: Scheduler) -> None:
    task = await scheduler.save(case_ids=[20, 22], owner_ids=[EVE, BOB])

    answer = await scheduler.bob.get(PATH)

    assert answer.json() == {
        "msg": "操作成功", "total": 1, "page": 1, "page_size": 20,
        "data": [
            task
            | {
                "cases": [
                    {"id": 20, "name": "下单", "module": {"id": 4, "name": "模块4"},
                     "project": {"id": 7, "name": "项目A"}, "deleted": False},
                    {"id": 22, "name": "登录", "module": {"id": 4, "name": "模块4"},
                     "project": {"id": 7, "name": "项目A"}, "deleted": False},
                ],
                "owners": [
                    {"id": EVE, "username": "eve", "real_name": "Eve", "deleted": False},
                    {"id": BOB, "username": "bob", "real_name": "Bob", "deleted": False},
                ],
            }
        ],
    }  # fmt: skip


async def test_who_sees_which_tasks(scheduler: Scheduler) -> None:
    own = (await scheduler.save())["id"]
    made_for_eve = (await scheduler.save(owner_ids=[EVE]))["id"]
    by_admin = (await scheduler.save(scheduler.admin, owner_ids=[ADMIN]))["id"]

    assert await ids(scheduler.bob) == [made_for_eve, own]
    assert await ids(scheduler.eve) == [made_for_eve]
    assert await ids(scheduler.admin) == [by_admin, made_for_eve, own]
    assert await ids(scheduler.eve, "/scheduler/tasks") == [by_admin, made_for_eve, own]
    assert await ids(scheduler.eve, "/scheduler/tasks", owner_id=BOB) == [own]


async def test_owners_that_are_taken_away_see_the_task_no_more(scheduler: Scheduler) -> None:
    task = await scheduler.save(owner_ids=[EVE])
    await scheduler.save(task_id=task["id"], owner_ids=[BOB])
    assert await ids(scheduler.eve) == []
    assert await ids(scheduler.bob) == [task["id"]]


async def test_pages_and_status(scheduler: Scheduler) -> None:
    made = [(await scheduler.save())["id"] for _ in range(5)]
    await scheduler.bob.post("/api-data/cancel-scheduled-task", json={"task_id": made[2]})

    assert await ids(scheduler.bob, page=2, page_size=2) == [made[2], made[1]]
    assert await ids(scheduler.bob, page=9, page_size=2) == []
    assert await ids(scheduler.bob, status="cancelled") == [made[2]]
    assert await ids(scheduler.bob, status="pending", page_size=200) == [made[4], made[3], made[1], made[0]]


async def test_a_faulty_query_is_refused(scheduler: Scheduler) -> None:
    for query in ("status=done", "page_size=201", "page_size=0", "page=0", "page=x", "status="):
        answer = await scheduler.bob.get(f"{PATH}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
        assert answer.json()["errors"][0]["field"] == query.split("=", maxsplit=1)[0]


async def test_deleted_cases_and_owners_keep_their_names(scheduler: Scheduler) -> None:
    await scheduler.save(owner_ids=[BOB, EVE])
    await scheduler.state(
        CaseChanged.of_deleted(22, 9, name="登录"), UserChanged.of_deleted(EVE, 9, username="eve", real_name="Eve")
    )

    [task] = (await scheduler.bob.get(PATH)).json()["data"]

    assert task["cases"] == [
        {"id": 22, "name": "登录", "module": {"id": 4, "name": "模块4"}, "project": {"id": 7, "name": "项目A"},
         "deleted": True}
    ]  # fmt: skip
    assert task["owners"][1] == {"id": EVE, "username": "eve", "real_name": "Eve", "deleted": True}


async def test_an_older_state_does_not_overwrite_a_newer_one(scheduler: Scheduler) -> None:
    await scheduler.save()
    await scheduler.state(case(22, "新名", revision=6), case(22, "旧名", revision=5))
    [task] = (await scheduler.bob.get(PATH)).json()["data"]
    assert task["cases"][0]["name"] == "新名"


async def test_a_list_costs_as_many_queries_for_many_tasks_as_for_one(scheduler: Scheduler) -> None:
    statements: list[str] = []

    async def count(path: str) -> int:
        await scheduler.bob.get(path)  # so that nothing is done for the first time
        statements.clear()
        await scheduler.bob.get(path)
        return len(statements)

    event.listen(
        service.database.engine.sync_engine, "before_cursor_execute", lambda *found: statements.append(found[2])
    )
    await scheduler.save()
    one = [await count(PATH), await count("/scheduler/tasks")]
    for number in range(8):
        await scheduler.state(case(500 + number))
        await scheduler.save(case_ids=[22, 500 + number], owner_ids=[BOB, EVE])
    assert [await count(PATH), await count("/scheduler/tasks")] == one


async def test_the_list_of_all_tasks_is_filtered_and_sorted(scheduler: Scheduler) -> None:
    first = (await scheduler.save(task_name="B 夜间"))["id"]
    second = (await scheduler.save(scheduler.admin, task_name="a_c 100%", case_ids=[30], owner_ids=[ADMIN]))["id"]
    third = (await scheduler.save(task_name="c", case_ids=[], targets=[{"module_id": 4}]))["id"]
    path = "/scheduler/tasks"

    assert await ids(scheduler.eve, path, project_id=7) == [third, first]
    assert await ids(scheduler.eve, path, project_id=8) == [second]
    assert await ids(scheduler.eve, path, search="夜") == [first]
    assert await ids(scheduler.eve, path, search="0%") == [second]
    assert await ids(scheduler.eve, path, search="_") == [second]
    assert await ids(scheduler.eve, path, search="b") == [first]
    assert await ids(scheduler.eve, path, sort="-updated_at") == [third, second, first]
    assert await ids(scheduler.eve, path, sort="name", status="pending") == [first, second, third]


async def test_the_list_by_due_time_has_what_is_paused_in_its_place_and_what_is_not_due_last(
    scheduler: Scheduler,
) -> None:
    hour = {hours: await scheduler.time(hours * 3600) for hours in (1, 2, 3)}
    third, first, paused = [(await scheduler.save(startTime=hour[hours]))["id"] for hours in (3, 1, 2)]
    over = [(await scheduler.save())["id"] for _ in range(3)]
    for id_ in over:
        await scheduler.bob.post("/api-data/cancel-scheduled-task", json={"task_id": id_})
    assert (await scheduler.bob.post(f"/scheduler/tasks/{paused}/pause")).status_code == 200
    path, last = "/scheduler/tasks", over[::-1]

    for sort, order in (
        ("next_due_at", [first, paused, third, *last]),
        ("-next_due_at", [third, paused, first, *last]),
    ):
        for filters in ({}, {"owner_id": BOB}, {"project_id": 7}, {"search": "登录"}):
            assert await ids(scheduler.eve, path, sort=sort, **filters) == order
        for size in (1, 2, 4, 5):
            pages = [await ids(scheduler.eve, path, sort=sort, page=n, page_size=size) for n in range(1, 8)]
            assert [id_ for page in pages for id_ in page] == order
    assert await ids(scheduler.eve, path, sort="next_due_at", status="cancelled", page=2, page_size=2) == last[2:]


async def test_a_search_counts_up_to_a_bound_and_pages_past_it(scheduler: Scheduler) -> None:
    made = await copies(scheduler, await scheduler.save(task_name="many"), queries.COUNTED + 5)
    few = (await scheduler.save(task_name="few of MANY"))["id"]
    async with service.database.transaction() as session:
        listed = """INSERT INTO task_listing SELECT task.id, name, folded_name, grams, listed.updated_at
                    FROM task, task_listing AS listed WHERE task.id = ANY(:ids) AND name = 'many'"""
        await session.execute(text(listed), {"ids": made})

    async def find(**params: Any) -> tuple[int, list[int]]:
        answer = (await scheduler.eve.get("/scheduler/tasks", params=params)).json()
        return answer["total"], [task["id"] for task in answer["data"]]

    last = [*made[5::-1], made[0] - 1]
    for _ in ("nothing is known of the names", "it is known that all have these letters"):
        assert await find(search="FEW OF m") == (1, [few])
        for sort, order in (("-id", [few, made[-1]]), ("name", [few, made[0] - 1]), ("-name", [made[-1], made[-2]])):
            assert await find(search="any", page_size=2, sort=sort) == (queries.COUNTED, order)
        assert (await find(search="any", page=queries.COUNTED // 200 + 1, page_size=200))[1] == last
        assert (await find(search="any", page=9, page_size=200))[1] == []
        async with service.database.transaction() as session:
            await session.execute(text("ANALYZE task_listing"))


async def test_a_list_that_has_not_changed_is_not_sent_again(scheduler: Scheduler) -> None:
    task = await scheduler.save()
    first = await scheduler.eve.get("/scheduler/tasks")
    etag = first.headers["ETag"]

    same = await scheduler.eve.get("/scheduler/tasks", headers={"If-None-Match": etag})
    await scheduler.bob.post(f"/scheduler/tasks/{task['id']}/pause")
    changed = await scheduler.eve.get("/scheduler/tasks", headers={"If-None-Match": etag})

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    assert changed.status_code == 200
    assert changed.json()["data"][0]["paused"] is True


async def test_a_task_tells_its_state_now(scheduler: Scheduler) -> None:
    task = await scheduler.save()
    fired = await scheduler.bob.post(f"/scheduler/tasks/{task['id']}/fire")
    [due] = await scheduler.due()
    await scheduler.state(completed(due, "failed", pass_rate=66.66))

    found = await scheduler.task(task["id"])

    assert found["last_run"] == {"run_id": fired.json()["run_id"], "status": "failed", "pass_rate": 66.66}
    assert found["created_by"] == {"id": BOB, "username": "bob"}
    assert found["next_due_at"] == found["scheduled_at"] == task["scheduled_time_utc"]


async def test_the_scheduler_tells_how_it_is_doing(scheduler: Scheduler) -> None:
    await scheduler.save()
    status = (await scheduler.eve.get("/scheduler/status")).json()
    assert (status["overdue"], status["oldest_due_at"], status["open_firings"]) == (0, None, 0)
    assert status["next_due_at"] > status["now"]


async def test_a_user_that_auth_no_longer_knows_sees_nothing(scheduler: Scheduler) -> None:
    await scheduler.state(user(EVE, "eve", revision=2, is_active=False, credentials=[]))
    scheduler.sources.facts["users"].pop(EVE)
    assert (await scheduler.eve.get(PATH)).status_code == 401


async def test_totals_are_right_whatever_happened(scheduler: Scheduler) -> None:
    lists = {
        "all": (scheduler.admin, PATH, {}, "true"),
        "own": (scheduler.eve, PATH, {}, f"{EVE} = ANY(owner_ids) OR created_by = {EVE}"),
        "made": (scheduler.bob, PATH, {}, f"{BOB} = ANY(owner_ids) OR created_by = {BOB}"),
        "owned": (scheduler.eve, "/scheduler/tasks", {"owner_id": BOB}, f"{BOB} = ANY(owner_ids)"),
        "project": (scheduler.eve, "/scheduler/tasks", {"project_id": 7}, "7 = ANY(project_ids)"),
        "both": (
            scheduler.eve,
            "/scheduler/tasks",
            {"project_id": 7, "owner_id": EVE},
            f"{EVE} = ANY(owner_ids) AND 7 = ANY(project_ids)",
        ),
    }
    statuses = ("", "pending", "running", "completed", "failed", "cancelled")

    async def totals() -> dict[tuple[str, str], int]:
        return {
            (name, status): (await client.get(path, params=filters | ({"status": status} if status else {}))).json()[
                "total"
            ]
            for name, (client, path, filters, _) in lists.items()
            for status in statuses
        }

    async def counted() -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for name, (*_, condition) in lists.items():
            query = f"SELECT status, count(*) AS n FROM task WHERE {condition} GROUP BY ROLLUP (status)"
            found |= {(name, row["status"] or ""): row["n"] for row in await scheduler.rows(query)}
        return {(name, status): found.get((name, status), 0) for name in lists for status in statuses}

    tasks = await copies(scheduler, await scheduler.save(), 20)
    shared = await scheduler.save(owner_ids=[EVE, BOB], case_ids=[22, 20])
    async with service.database.transaction() as session:
        await session.execute(text(f"INSERT INTO task_owner SELECT {BOB}, id, true FROM task ON CONFLICT DO NOTHING"))
        await session.execute(text("INSERT INTO task_project SELECT 7, id FROM task ON CONFLICT DO NOTHING"))
    await scheduler.save(owner_ids=[EVE])
    await scheduler.save(scheduler.admin, case_ids=[30], owner_ids=[EVE])
    await scheduler.save(task_id=shared["id"], owner_ids=[EVE])
    await scheduler.bob.post("/api-data/cancel-scheduled-task", json={"task_id": tasks[0]})
    await scheduler.bob.post("/api-data/cancel-scheduled-task", json={"task_id": shared["id"]})
    await scheduler.move_clock(timedelta(hours=2))
    await scheduler.tick()
    first, second, *_ = await scheduler.due()
    await scheduler.state(completed(first), completed(second, "error"))
    before = await totals()
    async with service.database.transaction() as session:
        await saving.sum_up_counts(session)

    assert before == await totals() == await counted()
    assert [before["all", status] for status in statuses] == [24, 0, 20, 1, 1, 2]
    assert [before[name, ""] for name in lists] == [24, 3, 23, 21, 23, 2]
