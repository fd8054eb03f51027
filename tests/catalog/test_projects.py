from typing import Any

import httpx

from tests.catalog.conftest import Catalog, document
from tests.support.wait import until


async def test_a_superuser_makes_a_project_and_everybody_reads_it(catalog: Catalog) -> None:
    body = {"name": "项目A", "description": "", "variables": {"tenant": "t1"}, "egress_allow": ["10.0.0.0/8"]}
    made = await catalog.admin.post("/catalog/projects", json=body)
    assert made.status_code == 201, made.text
    project = made.json()
    assert project == {
        **body,
        "id": project["id"],
        "default_environment_id": None,
        "case_count": 0,
        "revision": 1,
        "can_write": True,
        "created_at": project["created_at"],
        "updated_at": project["created_at"],
        "created_by": {"id": 1, "username": "admin"},
        "updated_by": {"id": 1, "username": "admin"},
    }
    assert project["created_at"].endswith("Z")

    bob = await catalog.user("bob")
    read = await bob.get(f"/catalog/projects/{project['id']}")
    assert read.status_code == 200
    assert read.json() == {**project, "can_write": False}
    [event] = await catalog.events()
    assert event == {
        "topic": "project.changed",
        **body,
        "id": project["id"],
        "default_environment_id": None,
        "revision": 1,
        "deleted": False,
    }


async def test_only_superusers_make_and_delete_projects(catalog: Catalog) -> None:
    project_id = await catalog.project()
    member = await catalog.user("member", projects=[project_id])
    made = await member.post("/catalog/projects", json={"name": "mine"})
    assert made.status_code == 403
    assert made.json()["code"] == "permission_denied"
    assert (await member.put(f"/catalog/projects/{project_id}", json={"name": "renamed"})).status_code == 200
    assert (await member.delete(f"/catalog/projects/{project_id}")).status_code == 403
    assert (await catalog.admin.get(f"/catalog/projects/{project_id}")).json()["name"] == "renamed"


async def test_a_project_is_edited_under_its_revision(catalog: Catalog) -> None:
    project_id = await catalog.project(variables={"a": 1})
    url = f"/catalog/projects/{project_id}"
    edited = await catalog.admin.put(url, json={"name": "B"}, headers={"If-Match": "1"})
    assert edited.status_code == 200
    assert edited.json()["revision"] == 2
    assert edited.json()["variables"] == {}
    assert (await catalog.admin.put(url, json={"name": "C"}, headers={"If-Match": "1"})).status_code == 409
    assert (await catalog.admin.put(url, json={"name": "C"}, headers={"If-Match": "x"})).status_code == 400
    assert [event["revision"] for event in await catalog.events("project.changed")] == [1, 2]


async def test_projects_are_searched_sorted_and_paged(catalog: Catalog) -> None:
    for name in ("支付", "Alpha", "beta"):
        await catalog.project(name, description=f"about {name}")

    async def names(**params: Any) -> list[str]:
        answer = await catalog.admin.get("/catalog/projects", params=params)
        assert answer.status_code == 200, answer.text
        return [project["name"] for project in answer.json()["data"]]

    assert await names() == ["支付", "Alpha", "beta"]
    assert await names(search="ALPHA") == ["Alpha"]
    assert await names(search="about b") == ["beta"]
    assert await names(search="支") == ["支付"]
    assert await names(sort="-name") == ["支付", "beta", "Alpha"]
    assert await names(page_size=2, page=2) == ["beta"]


async def test_deleting_a_project_hides_it_at_once_and_states_the_deletion_of_each_child(catalog: Catalog) -> None:
    project_id = await catalog.project()
    outer = await catalog.module(project_id, "outer")
    inner = await catalog.module(project_id, "inner", parent_id=outer)
    cases = [await catalog.case(inner, f"c{number}") for number in range(3)]
    environment = await catalog.admin.post(f"/catalog/projects/{project_id}/environments", json={"name": "qa"})
    environment_id = environment.json()["id"]
    kept = await catalog.case(await catalog.module(await catalog.project("kept"), "m"), "kept")

    assert (await catalog.admin.delete(f"/catalog/projects/{project_id}")).status_code == 204
    for path in (
        f"projects/{project_id}",
        f"projects/{project_id}/modules",
        f"projects/{project_id}/environments",
        f"modules/{outer}",
        f"environments/{environment_id}",
        f"cases/{cases[0]}",
        f"cases?project_id={project_id}",
    ):
        assert (await catalog.admin.get(f"/catalog/{path}")).status_code == 404, path
    listed = (await catalog.admin.get("/catalog/cases")).json()
    assert [case["id"] for case in listed["data"]] == [kept]
    assert listed["total"] == 1

    async def stated() -> bool:
        gone = {(event["topic"], event["id"]) for event in await catalog.events() if event["deleted"]}
        return gone == {
            ("project.changed", project_id),
            ("module.changed", outer),
            ("module.changed", inner),
            ("environment.changed", environment_id),
            *(("case.changed", case_id) for case_id in cases),
        }

    await until(stated)
    assert (await catalog.admin.post(f"/catalog/projects/{project_id}/modules", json={"name": "x"})).status_code == 404


async def test_every_write_of_a_stranger_is_refused_and_every_read_allowed(catalog: Catalog) -> None:
    project_id = await catalog.project()
    module_id = await catalog.module(project_id)
    case_id = await catalog.case(module_id)
    made = await catalog.admin.post(f"/catalog/projects/{project_id}/environments", json={"name": "qa"})
    environment_id = made.json()["id"]
    stranger = await catalog.user("stranger", projects=[await catalog.project("other")])
    member = await catalog.user("member", projects=[project_id])
    case = {"document": document()}
    writes: list[tuple[str, str, Any]] = [
        ("PUT", f"projects/{project_id}", {"name": "x"}),
        ("POST", f"projects/{project_id}/environments", {"name": "x"}),
        ("PUT", f"environments/{environment_id}", {"name": "x"}),
        ("POST", f"projects/{project_id}/modules", {"name": "x"}),
        ("PUT", f"modules/{module_id}", {"name": "x"}),
        ("POST", f"modules/{module_id}/move", {"parent_id": None}),
        ("POST", f"modules/{module_id}/cases", case),
        ("PUT", f"cases/{case_id}", case),
        ("DELETE", f"cases/{case_id}", None),
        ("DELETE", f"environments/{environment_id}", None),
    ]
    before = await catalog.events()
    for method, path, body in writes:
        answer = await stranger.request(method, f"/catalog/{path}", json=body)
        assert answer.status_code == 403, path
        assert answer.json()["code"] == "permission_denied"
    assert await catalog.events() == before
    for path in (
        f"projects/{project_id}",
        f"modules/{module_id}",
        f"cases/{case_id}",
        f"environments/{environment_id}",
    ):
        assert (await stranger.get(f"/catalog/{path}")).status_code == 200
    for method, path, body in writes:
        assert (await member.request(method, f"/catalog/{path}", json=body)).status_code < 300, path


async def test_nobody_reads_or_writes_without_a_token(catalog: Catalog) -> None:
    async with httpx.AsyncClient(base_url=catalog.url) as nobody:
        for method, path in (("GET", "projects"), ("POST", "projects"), ("GET", "cases/1"), ("DELETE", "modules/1")):
            answer = await nobody.request(method, f"/catalog/{path}", json={} if method == "POST" else None)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Token"
        assert (await nobody.post("/internal/catalog/cases:lookup", json={"ids": [1]})).status_code == 401


async def test_other_services_look_up_whole_states_in_bulk(catalog: Catalog) -> None:
    project_id = await catalog.project()
    module_id = await catalog.module(project_id)
    case_id = await catalog.case(module_id)
    made = await catalog.admin.post(
        f"/catalog/projects/{project_id}/environments", json={"name": "qa", "secrets": {"key": "123456"}}
    )
    environment_id = made.json()["id"]
    newest = {(event["topic"], event["id"]): event for event in await catalog.events()}

    async def ask(what: str, *ids: int) -> dict[str, Any]:
        answer = await catalog.admin.post(
            f"/internal/catalog/{what}:lookup",
            json={"ids": ids},
            headers={"Authorization": "Service service-token-of-tests"},
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def stated(topic: str, id_: int) -> dict[str, Any]:
        return {name: value for name, value in newest[topic, id_].items() if name != "topic"}

    found = await ask("cases", case_id, 999999)
    assert found["cases"] == [stated("case.changed", case_id)]
    assert found["modules"] == [stated("module.changed", module_id)]
    assert found["projects"] == [stated("project.changed", project_id)]
    found = await ask("environments", environment_id)
    assert found["environments"] == [stated("environment.changed", environment_id)]
    found = await ask("modules", module_id, 999999)
    assert found["modules"] == [stated("module.changed", module_id)]
    assert found["projects"] == [stated("project.changed", project_id)]
    assert (await ask("projects", project_id, 999999))["projects"] == [stated("project.changed", project_id)]
    assert (await ask("projects"))["projects"] == []


async def test_a_right_that_the_replica_does_not_know_yet_is_confirmed_with_auth(catalog: Catalog) -> None:
    project_id = await catalog.project()
    bob = await catalog.user("bob")
    assert (await bob.post(f"/catalog/projects/{project_id}/modules", json={"name": "a"})).status_code == 403
    await catalog.assign(bob, [project_id], told=False)
    assert (await bob.post(f"/catalog/projects/{project_id}/modules", json={"name": "a"})).status_code == 201
    assert (await bob.get(f"/catalog/projects/{project_id}")).json()["can_write"] is True
