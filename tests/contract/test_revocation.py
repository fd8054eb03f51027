"""What ends a right or a session ends it on every service within two seconds."""

import httpx

from tests.contract.world import BODIES, World, ok
from tests.support.wait import until

READS = {
    "auth": "/user/user-cfg-params",
    "catalog": "/catalog/projects",
    "scheduler": "/scheduler/status",
    "executor": "/runs/workers",
    "notifier": "/notifications/preferences",
}
WRITES = (
    "POST /catalog/projects/{project_id}/modules",
    "POST /api-data/schedule-api-cases",
    "POST /runs",
    "POST /notifications/channels",
)


async def read_everywhere(client: httpx.AsyncClient) -> set[int]:
    return {(await client.get(path)).status_code for path in READS.values()}


async def write_everywhere(world: World, client: httpx.AsyncClient) -> set[int]:
    found = set()
    for operation in WRITES:
        path = operation.removeprefix("POST ").format(**world.ids)
        found.add((await client.post(path, json=BODIES[operation](world))).status_code)
    return found


async def refused_everywhere(client: httpx.AsyncClient) -> None:
    async def refused() -> bool:
        return await read_everywhere(client) == {401}

    await until(refused, timeout=2)


async def test_what_is_taken_away_is_gone_on_every_service_within_two_seconds(world: World) -> None:
    admin, project = world.platform.admin, world.ids["project_id"]

    old = await world.platform.user("old-device", [project])
    assert await read_everywhere(old) == {200}
    await world.platform.client("old-device")
    await refused_everywhere(old)

    machine = await world.platform.user("machine")
    body = {"name": "key", "scopes": ["read"], "expires_at": world.later(days=1)}
    made = await ok(machine.post("/user/tokens", json=body))
    key = await world.platform.client(Authorization=f"Token {made['token']}")
    assert await read_everywhere(key) == {200}
    await ok(machine.delete("/user/tokens", params={"id": made["id"]}))
    await refused_everywhere(key)

    disabled = await world.platform.user("disabled")
    assert await read_everywhere(disabled) == {200}
    await ok(admin.patch("/user/user-view", json={"id": disabled.user_id, "is_active": False}))
    await refused_everywhere(disabled)

    former = await world.platform.user("former", [project])
    assert await write_everywhere(world, former) <= {200, 201, 202}
    await ok(admin.post("/user/assign-projects", json={"user_id": former.user_id, "project_ids": []}))

    async def may_not_write() -> bool:
        return await write_everywhere(world, former) == {403}

    await until(may_not_write, timeout=2)
