"""Users, environments and projects that are deleted while tasks and runs use them."""

from typing import Any

import httpx

from tests.contract.world import World, ok
from tests.support.platform import unique
from tests.support.wait import until


async def ended(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    """The run, once it has ended."""
    found: dict[str, Any] = {}

    async def is_over() -> bool:
        answer = await client.get(f"/runs/{run_id}")
        if answer.status_code == 404:  # the event is on its way
            return False
        found.update(answer.json())
        return found["status"] not in {"queued", "running"}

    await until(is_over, 60)
    return found


async def fired(client: httpx.AsyncClient, task_id: int) -> dict[str, Any]:
    """A run of the task made by hand, once it has ended."""
    return await ended(client, (await ok(client.post(f"/scheduler/tasks/{task_id}/fire"), 202))["run_id"])


async def listed(client: httpx.AsyncClient, task_id: int) -> dict[str, Any]:
    found = await ok(client.get("/api-data/scheduled-tasks", params={"page_size": 200}))
    return next(task for task in found["data"] if task["id"] == task_id)


def saved(world: World, **fields: Any) -> dict[str, Any]:
    member, case_id = world.ids["member"], world.ids["case_id"]
    body = {"case_ids": [case_id], "parallel": 0, "owner_ids": [member], "startTime": world.later(hours=1)}
    return body | fields


async def test_a_task_outlives_its_owner_and_its_environment_and_says_what_is_gone(world: World) -> None:
    member, admin = world.callers["member"], world.platform.admin
    leaver = await world.platform.user(unique("leaver"))
    owners = [leaver.user_id, world.ids["member"]]
    task_id = await world.made("/api-data/schedule-api-cases", saved(world, owner_ids=owners), 200)
    environment_id = world.ids["environment_id"]
    assert (await listed(member, task_id))["environments"] == {str(world.ids["project_id"]): environment_id}

    await ok(admin.delete("/user/user-view", params={"id": leaver.user_id}))

    async def owner_is_gone() -> bool:
        return [owner["deleted"] for owner in (await listed(member, task_id))["owners"]] == [True, False]

    await until(owner_is_gone, 10)
    assert (await listed(member, task_id))["owners"][0]["username"] == leaver.username
    run = await fired(member, task_id)
    assert (run["status"], run["owner_ids"]) == ("passed", owners)

    async def only_who_is_left_is_told() -> bool:
        found = await ok(member.get("/notifications/deliveries", params={"run_id": run["run_id"]}))
        mails = {one["recipient"]["id"]: one for one in found["data"] if one["recipient"]["kind"] == "user"}
        outcomes = [(mails[id_]["status"], mails[id_]["reason"]) for id_ in owners if id_ in mails]
        return outcomes == [("skipped", "deleted"), ("sent", None)]

    await until(only_who_is_left_is_told, 60)

    assert (await member.delete(f"/catalog/environments/{environment_id}")).status_code == 204

    async def environment_is_gone() -> bool:
        [case] = (await fired(member, task_id))["cases"]
        return (case["status"], case["failure_class"], case["reason"]) == ("error", "config", "environment_deleted")

    await until(environment_is_gone, 60)
    refused = await member.post("/api-data/schedule-api-cases", json=saved(world, task_id=task_id, owner_ids=owners))
    assert refused.json()["errors"] == [
        refused.json()["errors"][0] | {"field": "owner_ids", "reason": "unknown_ids", "ids": [leaver.user_id]}
    ]


async def test_a_project_that_is_deleted_leaves_its_runs_readable_and_its_tasks_to_be_cancelled(world: World) -> None:
    member, admin, project_id = world.callers["member"], world.platform.admin, world.ids["project_id"]
    slow = {"name": "slow", "steps": [{"name": "wait", "type": "wait", "duration_ms": 2000}]}
    document = {"document": {"apiVersion": "rounds/v1", "kind": "Case", **slow}}
    case_id = await world.made(f"/catalog/modules/{world.ids['module_id']}/cases", document)
    task_id = await world.made("/api-data/schedule-api-cases", saved(world, case_ids=[case_id]), 200)
    run_id = (await ok(member.post(f"/scheduler/tasks/{task_id}/fire"), 202))["run_id"]

    async def is_running() -> bool:
        return (await member.get(f"/runs/{run_id}")).status_code == 200

    await until(is_running, 30)
    assert (await admin.delete(f"/catalog/projects/{project_id}")).status_code == 204

    run = await ended(member, run_id)
    assert run["status"] in {"passed", "error"}
    assert run["cases"][0]["name"] == "slow"
    report = await ok(member.get(f"/runs/{run_id}/cases/{case_id}"))
    assert report["status"] == run["cases"][0]["status"]

    async def case_is_gone() -> bool:
        [case] = (await listed(member, task_id))["cases"]
        return case["deleted"] is True and case["name"] == "slow"

    await until(case_is_gone, 30)

    async def next_run_says_so() -> bool:
        [case] = (await fired(member, task_id))["cases"]
        return (case["status"], case["reason"]) == ("error", "case_deleted")

    await until(next_run_says_so, 60)
    refused = await member.post("/api-data/schedule-api-cases", json=saved(world, task_id=task_id, case_ids=[case_id]))
    assert (refused.status_code, refused.json()["errors"][0]["ids"]) == (400, [case_id])
    cancelled = await ok(member.post("/api-data/cancel-scheduled-task", json={"task_id": task_id}))
    assert cancelled["task"]["status"] == "cancelled"
