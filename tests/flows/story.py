"""The main job, told once: what a tester does, over HTTP alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from tests.support.target import Target
from tests.support.wait import until

ADMIN_PASSWORD = "admin-of-tests-1"
USER_PASSWORD = "user-of-tests-1"
ENDED = {"completed", "failed", "cancelled"}


async def log_in(url: str, username: str, password: str, **headers: str) -> httpx.AsyncClient:
    """A client of a logged-in user. The caller closes it."""
    client = httpx.AsyncClient(base_url=url, headers={"Accept-Language": "en", **headers}, timeout=30)
    answer = await client.post("/user/login", json={"username": username, "password": password})
    assert answer.status_code == httpx.codes.OK, answer.text
    client.headers["Authorization"] = f"Token {answer.json()['token']}"
    return client


async def ok(answer_of: Any, status: int = httpx.codes.OK) -> Any:
    """The JSON of an answer that must have this status."""
    answer = await answer_of
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text}"
    return answer.json() if answer.content else None


@dataclass
class Shop:
    """A project of the target's shop, with who works in it."""

    tester: httpx.AsyncClient
    owner_ids: list[int]
    project_id: int
    environment_id: int
    module_id: int
    zone: ZoneInfo

    async def case(self, name: str, *steps: dict[str, Any], **more: Any) -> int:
        """Save a case; answers its id."""
        document = {"apiVersion": "rounds/v1", "kind": "Case", "name": name, "steps": list(steps), **more}
        saved = await ok(self.tester.post(f"/catalog/modules/{self.module_id}/cases", json={"document": document}), 201)
        return int(saved["id"])

    async def schedule(self, case_ids: list[int], in_seconds: float = 3, **more: Any) -> int:
        """Schedule cases some seconds ahead; answers the task's id."""
        due = datetime.now(self.zone) + timedelta(seconds=in_seconds)
        body = {
            "case_ids": case_ids,
            "parallel": 0,
            "owner_ids": self.owner_ids,
            "startTime": due.strftime("%Y-%m-%dT%H:%M:%S"),
            **more,
        }
        saved = await ok(self.tester.post("/api-data/schedule-api-cases", json=body))
        return int(saved["task_id"])

    async def task(self, task_id: int) -> dict[str, Any]:
        """A task as the list of tasks shows it."""
        listed = await ok(self.tester.get("/api-data/scheduled-tasks", params={"page_size": 200}))
        found: list[dict[str, Any]] = [task for task in listed["data"] if task["id"] == task_id]
        return found[0]

    async def run_ids(self, task_ids: list[int]) -> list[str]:
        """Ids of all runs of the tasks."""
        found: list[str] = []
        cursor = ""
        while True:
            page = await ok(self.tester.get("/runs", params={"limit": 200, **({"cursor": cursor} if cursor else {})}))
            found += [run["run_id"] for run in page["data"] if run["task_id"] in task_ids]
            cursor = page["next_cursor"]
            if not cursor:
                return found

    async def ended(self, task_id: int, timeout: float = 60) -> dict[str, Any]:  # noqa: ASYNC109 (handed to `until`)
        """The task once its run has ended."""

        found: list[dict[str, Any]] = []

        async def has_ended() -> bool:
            answer = await self.tester.get("/api-data/scheduled-tasks", params={"page_size": 200})
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                return False  # its only process was killed a moment ago
            found[:] = [task for task in answer.json()["data"] if task["id"] == task_id and task["status"] in ENDED]
            return bool(found)

        await until(has_ended, timeout, every=0.05)
        return found[0]


async def open_shop(url: str, target: Target) -> Shop:
    """Two users, a project of the first one, an environment with a secret, a module."""
    admin = await log_in(url, "admin", ADMIN_PASSWORD)
    owner_ids = []
    for name, language in (("alice", "zh"), ("bob", "en")):
        user = {"username": name, "real_name": name.title(), "email": f"{name}@example.test"}
        body = {**user, "password": USER_PASSWORD, "is_superuser": False}
        owner_ids.append((await ok(admin.post("/user/user-view", json=body)))["user"]["id"])
        client = await log_in(url, name, USER_PASSWORD)
        await ok(client.post("/user/set-user-cfg", json={"language": language}))
        await client.aclose()
    project = await ok(admin.post("/catalog/projects", json={"name": "Shop"}), 201)
    assigned = {"user_id": owner_ids[0], "project_ids": [project["id"]]}

    async def assign() -> bool:
        return (await admin.post("/user/assign-projects", json=assigned)).status_code == httpx.codes.OK

    await until(assign)
    zone = ZoneInfo((await ok(admin.get("/user/platform")))["timezone"])
    await admin.aclose()
    tester = await log_in(url, "alice", USER_PASSWORD)
    environment = {
        "name": "qa",
        "base_urls": {"default": target.url},
        "variables": {"user": "bob"},
        "secrets": {"password": "secret"},
        "is_default": True,
    }

    async def may_write() -> bool:
        return bool((await ok(tester.get(f"/catalog/projects/{project['id']}")))["can_write"])

    await until(may_write)
    made = await ok(tester.post(f"/catalog/projects/{project['id']}/environments", json=environment), 201)
    module = await ok(tester.post(f"/catalog/projects/{project['id']}/modules", json={"name": "Orders"}), 201)
    return Shop(tester, owner_ids, project["id"], made["id"], module["id"], zone)


def log_in_step() -> dict[str, Any]:
    return {
        "name": "log in",
        "type": "request",
        "request": {
            "method": "POST",
            "url": "{{base_url}}/login",
            "body": {"json": {"username": "{{user}}", "password": "{{password}}"}},
        },
        "captures": [{"name": "token", "query": {"type": "jsonpath", "expr": "$.token"}}],
        "asserts": [{"query": {"type": "status"}, "predicate": "==", "value": 200}],
    }


def order_step(expected_status: str = "paid") -> dict[str, Any]:
    return {
        "name": "read the order",
        "type": "request",
        "request": {
            "method": "GET",
            "url": "{{base_url}}/orders/7",
            "auth": {"type": "bearer", "token": "{{token}}"},
        },
        "asserts": [
            {"query": {"type": "status"}, "predicate": "==", "value": 200},
            {"query": {"type": "jsonpath", "expr": "$.status"}, "predicate": "==", "value": expected_status},
            {"query": {"type": "jsonpath", "expr": "$.items"}, "predicate": "count", "value": 2},
        ],
    }


def slow_step(milliseconds: int) -> dict[str, Any]:
    return {
        "name": "take its time",
        "type": "request",
        "request": {"method": "GET", "url": "{{base_url}}/slow", "query": {"ms": str(milliseconds)}},
        "asserts": [{"query": {"type": "status"}, "predicate": "==", "value": 200}],
    }


def flaky_step(fails: int) -> dict[str, Any]:
    """A step that does not pass the first times it is made."""
    return {
        "name": "read what comes back",
        "type": "request",
        "request": {"method": "GET", "url": "{{base_url}}/flaky", "query": {"fails": str(fails)}},
        "asserts": [{"query": {"type": "status"}, "predicate": "==", "value": 200}],
    }
