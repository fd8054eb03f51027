"""Real objects, callers of every role, and for each operation of the OpenAPI document a minimal valid request.

world = await make_world(platform, target)
await world.send("PUT /catalog/cases/{case_id}", "member")
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from cli.docs import whole
from kit.settings import settings
from tests.support.platform import USER_PASSWORD, Client, Platform, unique
from tests.support.target import Target
from tests.support.wait import until

ROLES = ("anonymous", "stranger", "member", "superuser", "read", "run", "write", "newcomer")
"""`read`, `run`, `write`: API tokens of the member. `newcomer`: who must change the password first."""
DEFAULT_PASSWORD = "123456"
ENDS_THE_SESSION = {"POST /user/logout", "POST /user/change-password"}
ENDLESS = {"GET /scheduler/events"}
"""They answer for as long as somebody listens: that they begin is all that is seen."""


def operations() -> list[str]:
    """Every operation of the document: `GET /runs/{run_id}`."""
    return [f"{method.upper()} {path}" for path, methods in whole()["paths"].items() for method in methods]


def document(name: str, url: str) -> dict[str, Any]:
    step = {"name": "call", "type": "request", "request": {"method": "GET", "url": url}}
    return {"document": {"apiVersion": "rounds/v1", "kind": "Case", "name": name, "steps": [step]}}


@dataclass
class World:
    """What there is."""

    platform: Platform
    target: Target
    callers: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    ids: dict[str, Any] = field(default_factory=dict)
    """By the name of the path parameter, and `member`, `spare`: users."""

    async def send(self, operation: str, role: str) -> httpx.Response:
        """Call an operation as a role, with a valid request."""
        method, _, path = operation.partition(" ")
        caller = await self.caller(role) if operation in ENDS_THE_SESSION else self.callers[role]
        ids = self.ids | (await FRESH[operation](self, caller) if operation in FRESH else {})
        query = {name: str(ids[id_]) for name, id_ in QUERIES.get(operation, {}).items()}
        body = BODIES[operation](self) if operation in BODIES else None
        if operation in ENDLESS:
            async with caller.stream(method, path) as answer:
                if answer.is_error:
                    await answer.aread()
                return answer
        return await caller.request(method, path.format(**ids), params=query, json=body)

    async def caller(self, role: str) -> httpx.AsyncClient:
        """A new caller of a role, whose end troubles no other."""
        self.ids["password"] = USER_PASSWORD
        if role == "anonymous":
            return await self.platform.client()
        if role == "newcomer":
            new = {"username": unique("newcomer")}
            await ok(self.platform.admin.post("/user/user-view", json=new))
            self.ids["password"] = DEFAULT_PASSWORD
            return await self.platform.client(new["username"], DEFAULT_PASSWORD)
        projects = [] if role in {"stranger", "superuser"} else [self.ids["project_id"]]
        user = await self.platform.user(unique(role), projects, is_superuser=role == "superuser")
        return await self.token_of(user, role) if role in {"read", "run", "write"} else user

    async def token_of(self, user: Client, scope: str) -> httpx.AsyncClient:
        """A client with an API token of one scope."""
        body = {"name": unique(scope), "scopes": [scope], "expires_at": self.later(days=1)}
        made = await ok(user.post("/user/tokens", json=body))
        return await self.platform.client(Authorization=f"Token {made['token']}")

    @staticmethod
    def later(**delta: float) -> str:
        """A naive time of the platform from now."""
        return (datetime.now(ZoneInfo(settings().timezone)) + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%S")

    async def made(self, path: str, body: Any, status: int = 201) -> int:
        """Have the member make a thing; answers its id."""
        answer = await ok(self.callers["member"].post(path, json=body), status)
        return int(answer["task_id"] if "task_id" in answer else answer["id"])


async def ok(answer_of: Awaitable[httpx.Response], status: int = 200) -> Any:
    """The JSON of an answer that must have this status."""
    answer = await answer_of
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text}"
    return answer.json()


def _schedule(world: World) -> dict[str, Any]:
    owners = [world.ids["member"]]
    return {"case_ids": [world.ids["case_id"]], "parallel": 0, "owner_ids": owners, "startTime": world.later(hours=1)}


def _case(world: World) -> dict[str, Any]:
    return document(unique("case"), f"{world.target.url}/echo")


def _environment(world: World) -> dict[str, Any]:
    return {"name": unique("qa"), "base_urls": {"default": world.target.url}}


def _channel(world: World) -> dict[str, Any]:
    project = world.ids["project_id"]
    return {"project_id": project, "name": unique("hook"), "kind": "webhook", "url": f"{world.target.url}/echo"}


BODIES: dict[str, Callable[[World], Any]] = {
    "POST /api-data/cancel-scheduled-task": lambda world: {"task_id": world.ids["to_cancel"]},
    "POST /api-data/schedule-api-cases": _schedule,
    "PUT /catalog/cases/{case_id}": _case,
    "POST /catalog/cases/{case_id}/copy": lambda _: {"name": unique("copy")},
    "POST /catalog/cases/{case_id}/move": lambda world: {"module_id": world.ids["module_id"]},
    "POST /catalog/cases:bulk": lambda world: {"ids": [world.ids["case_id"]], "action": "tag", "add": ["smoke"]},
    "POST /catalog/cases:validate": _case,
    "PUT /catalog/environments/{environment_id}": _environment,
    "PUT /catalog/modules/{module_id}": lambda _: {"name": unique("module")},
    "POST /catalog/modules/{module_id}/cases": _case,
    "POST /catalog/modules/{module_id}/move": lambda _: {"parent_id": None},
    "POST /catalog/projects": lambda _: {"name": unique("project")},
    "PUT /catalog/projects/{project_id}": lambda _: {"name": unique("project")},
    "POST /catalog/projects/{project_id}/convert": lambda _: {"format": "curl", "text": "curl http://example.test/"},
    "POST /catalog/projects/{project_id}/environments": _environment,
    "POST /catalog/projects/{project_id}/modules": lambda _: {"name": unique("module")},
    "POST /notifications/channels": _channel,
    "PUT /notifications/channels/{channel_id}": lambda _: {
        "name": unique("hook"),
        "notify": "always",
        "language": "en",
        "enabled": False,
    },
    "PUT /notifications/preferences": lambda _: {
        "quiet_from": None,
        "quiet_until": None,
        "timezone": "Asia/Shanghai",
        "muted_until": None,
        "muted_task_ids": [],
    },
    "POST /runs": lambda world: {"case_ids": [world.ids["case_id"]]},
    "POST /runs/judge": lambda world: {
        "run_id": world.ids["run_id"],
        "case_id": world.ids["case_id"],
        "step_path": world.ids["path"],
        "step": document("again", f"{world.target.url}/echo")["document"]["steps"][0],
    },
    "POST /scheduler/preview": lambda _: {"cron": "0 9 * * 1-5"},
    "POST /user/assign-projects": lambda world: {
        "user_id": world.ids["member"],
        "project_ids": [world.ids["project_id"]],
    },
    "POST /user/change-password": lambda world: {
        "old_password": world.ids["password"],
        "password": "another-of-tests-1",
    },
    "POST /user/login": lambda _: {"username": "guest", "password": USER_PASSWORD},
    "PUT /user/projects/{project_id}/members": lambda world: {"user_ids": [world.ids["member"]]},
    "POST /user/set-user-cfg": lambda _: {"failed_stop": True},
    "POST /user/tokens": lambda world: {"name": unique("key"), "scopes": ["read"], "expires_at": world.later(days=1)},
    "PATCH /user/user-view": lambda world: {"id": world.ids["spare"], "real_name": "Spare"},
    "POST /user/user-view": lambda _: {"username": unique("user"), "password": USER_PASSWORD},
}
QUERIES = {
    "GET /runs/last": {"case_ids": "case_id"},
    "GET /runs/rates": {"project_ids": "project_id"},
    "GET /runs/trends": {"case_id": "case_id"},
    "DELETE /user/tokens": {"id": "token_id"},
    "DELETE /user/user-view": {"id": "user_id"},
}
"""Query parameters, by the name of the id that they take."""

Fresh = Callable[[World, httpx.AsyncClient], Awaitable[dict[str, Any]]]


async def _fresh_case(world: World, _: httpx.AsyncClient) -> dict[str, Any]:
    return {"case_id": await world.made(f"/catalog/modules/{world.ids['module_id']}/cases", _case(world))}


async def _fresh_environment(world: World, _: httpx.AsyncClient) -> dict[str, Any]:
    path = f"/catalog/projects/{world.ids['project_id']}/environments"
    return {"environment_id": await world.made(path, _environment(world))}


async def _fresh_module(world: World, _: httpx.AsyncClient) -> dict[str, Any]:
    path = f"/catalog/projects/{world.ids['project_id']}/modules"
    return {"module_id": await world.made(path, {"name": unique("module")})}


async def _fresh_channel(world: World, _: httpx.AsyncClient) -> dict[str, Any]:
    return {"channel_id": await world.made("/notifications/channels", _channel(world))}


async def _fresh_project(world: World, _: httpx.AsyncClient) -> dict[str, Any]:
    made = await ok(world.platform.admin.post("/catalog/projects", json={"name": unique("project")}), 201)
    return {"project_id": made["id"]}


async def _fresh_user(world: World, _: httpx.AsyncClient) -> dict[str, Any]:
    new = {"username": unique("user"), "password": USER_PASSWORD}
    return {"user_id": (await ok(world.platform.admin.post("/user/user-view", json=new)))["user"]["id"]}


async def _own_token(world: World, caller: httpx.AsyncClient) -> dict[str, Any]:
    """A token of the caller's; of the member's where the caller has none."""
    maker = caller if caller in {world.callers[role] for role in ("stranger", "superuser")} else world.callers["member"]
    body = {"name": unique("key"), "scopes": ["read"], "expires_at": world.later(days=1)}
    return {"token_id": (await ok(maker.post("/user/tokens", json=body)))["id"]}


FRESH: dict[str, Fresh] = {
    "DELETE /catalog/cases/{case_id}": _fresh_case,
    "DELETE /catalog/environments/{environment_id}": _fresh_environment,
    "DELETE /catalog/modules/{module_id}": _fresh_module,
    "DELETE /catalog/projects/{project_id}": _fresh_project,
    "DELETE /notifications/channels/{channel_id}": _fresh_channel,
    "DELETE /user/tokens": _own_token,
    "DELETE /user/user-view": _fresh_user,
}
"""What an operation destroys is made anew for each call."""


async def make_world(platform: Platform, target: Target) -> World:
    """A project with a case that has run for a task, its mail, a channel, and a caller of every role."""
    world = World(platform, target)
    project = await ok(platform.admin.post("/catalog/projects", json={"name": "Shop"}), 201)
    world.ids["project_id"] = project["id"]
    member = await platform.user("member", [project["id"]])
    world.ids["member"] = member.user_id
    world.callers = {
        "anonymous": await platform.client(),
        "stranger": await platform.user("stranger"),
        "member": member,
        "superuser": await platform.user("boss", is_superuser=True),
        **{scope: await world.token_of(member, scope) for scope in ("read", "run", "write")},
        "newcomer": await world.caller("newcomer"),
    }
    world.ids["spare"] = (await platform.user("spare")).user_id
    await platform.user("guest")
    world.ids |= await _fresh_module(world, member)
    world.ids |= await _fresh_environment(world, member)
    world.ids |= await _fresh_case(world, member)
    world.ids |= await _fresh_channel(world, member)
    world.ids |= {"revision": 1, "path": "1"}
    for name in ("task_id", "to_cancel"):
        world.ids[name] = await world.made("/api-data/schedule-api-cases", _schedule(world), 200)
    fired = await ok(member.post(f"/scheduler/tasks/{world.ids['task_id']}/fire"), 202)
    world.ids["run_id"] = (await ok(member.get(fired["url"])))["run_id"]  # it is there at once
    await until(lambda: _mailed(world), 60)
    return world


async def _mailed(world: World) -> bool:
    """Whether the run's mail is out; takes its id and the token of its link."""
    member, wanted = world.callers["member"], {"run_id": world.ids["run_id"], "user_id": world.ids["member"]}
    listed = await ok(member.get("/notifications/deliveries", params=wanted))
    if not listed["data"] or listed["data"][0]["status"] != "sent":
        return False
    world.ids["delivery_id"] = listed["data"][0]["id"]
    shown = await ok(member.get(f"/notifications/deliveries/{world.ids['delivery_id']}"))
    found = re.search(r"/notifications/unsubscribe/([^\s\"<>]+)", shown["mail"]["html"])
    assert found is not None
    world.ids["token"] = found[1]
    return True
