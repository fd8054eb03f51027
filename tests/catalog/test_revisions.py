import asyncio
from typing import Any

import httpx

from tests.catalog.conftest import Catalog, document


async def place(catalog: Catalog) -> tuple[int, int]:
    project_id = await catalog.project()
    return project_id, await catalog.module(project_id)


async def read(catalog: Catalog, case_id: int) -> dict[str, Any]:
    found: dict[str, Any] = (await catalog.admin.get(f"/catalog/cases/{case_id}")).json()
    return found


async def test_every_change_leaves_a_revision_that_never_changes(catalog: Catalog) -> None:
    project_id, module_id = await place(catalog)
    other = await catalog.module(project_id, "other")
    case_id = await catalog.case(module_id, "one")
    await catalog.admin.put(f"/catalog/cases/{case_id}", json={"document": document("two", tags=[])})
    await catalog.admin.post(f"/catalog/cases/{case_id}/move", json={"module_id": other})
    url = f"/catalog/cases/{case_id}/revisions"
    listed = (await catalog.admin.get(url)).json()
    assert listed["total"] == 3
    assert [(one["revision"], one["name"], one["module_id"]) for one in listed["data"]] == [
        (3, "two", other),
        (2, "two", module_id),
        (1, "one", module_id),
    ]
    assert all("document" not in one and one["created_by"]["username"] == "admin" for one in listed["data"])
    second_page = (await catalog.admin.get(url, params={"page": 2, "page_size": 2})).json()
    assert [one["revision"] for one in second_page["data"]] == [1]
    first = (await catalog.admin.get(f"{url}/1")).json()
    assert first["document"] == document("one")
    assert (await catalog.admin.get(f"{url}/4")).status_code == 404
    assert (await catalog.admin.get("/catalog/cases/999999/revisions")).status_code == 404


async def test_restoring_saves_the_old_document_as_the_newest_revision(catalog: Catalog) -> None:
    project_id, module_id = await place(catalog)
    case_id = await catalog.case(module_id, "one")
    await catalog.admin.put(f"/catalog/cases/{case_id}", json={"document": document("two")})
    url = f"/catalog/cases/{case_id}/revisions/1/restore"
    assert (await catalog.admin.post(url, headers={"If-Match": "1"})).status_code == 409
    restored = await catalog.admin.post(url, headers={"If-Match": "2"})
    assert restored.status_code == 200
    assert restored.json()["revision"] == 3
    assert restored.json()["document"] == document("one")
    assert (await catalog.admin.get(f"/catalog/cases/{case_id}/revisions/2")).json()["name"] == "two"
    assert (await catalog.events("case.changed"))[-1]["name"] == "one"
    assert (await catalog.admin.post(f"/catalog/cases/{case_id}/revisions/9/restore")).status_code == 404
    stranger = await catalog.user("stranger")
    assert (await stranger.post(url)).status_code == 403
    assert (await catalog.admin.get(f"/catalog/projects/{project_id}")).json()["case_count"] == 1


async def test_a_case_is_copied_under_another_name_and_into_another_project(catalog: Catalog) -> None:
    project_id, module_id = await place(catalog)
    other_project = await catalog.project("other")
    other = await catalog.module(other_project, "m")
    case_id = await catalog.case(module_id, "one")
    copy = await catalog.admin.post(f"/catalog/cases/{case_id}/copy", json={"name": "copy"})
    assert copy.status_code == 201
    assert copy.json()["id"] != case_id
    assert copy.json()["module_id"] == module_id
    assert copy.json()["document"] == document("copy")
    assert copy.json()["revision"] == 1

    member = await catalog.user("member", projects=[other_project])
    away = await member.post(f"/catalog/cases/{case_id}/copy", json={"module_id": other})
    assert away.status_code == 201
    assert away.json()["project_id"] == other_project
    assert away.json()["name"] == "one"
    assert (await member.post(f"/catalog/cases/{case_id}/copy", json={})).status_code == 403
    unknown = await member.post(f"/catalog/cases/{case_id}/copy", json={"module_id": 999999})
    assert unknown.json()["errors"][0]["ids"] == [999999]
    counts = [
        (await catalog.admin.get(f"/catalog/projects/{id}")).json()["case_count"] for id in (project_id, other_project)
    ]
    assert counts == [2, 1]


async def test_a_case_moves_within_its_project_only(catalog: Catalog) -> None:
    project_id, module_id = await place(catalog)
    second = await catalog.module(project_id, "second")
    foreign = await catalog.module(await catalog.project("other"), "foreign")
    case_id = await catalog.case(module_id)
    moved = await catalog.admin.post(f"/catalog/cases/{case_id}/move", json={"module_id": second})
    assert moved.status_code == 200
    assert moved.json()["module_id"] == second
    assert moved.json()["revision"] == 2
    event = (await catalog.events("case.changed"))[-1]
    assert (event["module_id"], event["revision"]) == (second, 2)
    assert event["document"] == document()
    again = await catalog.admin.post(f"/catalog/cases/{case_id}/move", json={"module_id": second})
    assert again.json()["revision"] == 2, "it lies there already"
    for module in (foreign, 999999):
        answer = await catalog.admin.post(f"/catalog/cases/{case_id}/move", json={"module_id": module})
        assert answer.json()["errors"][0] == {
            "field": "module_id",
            "reason": "unknown_ids",
            "msg": "These ids do not exist",
            "ids": [module],
        }
    listed = (await catalog.admin.get(f"/catalog/projects/{project_id}/modules")).json()["data"]
    assert {module["id"]: module["case_count"] for module in listed} == {module_id: 0, second: 1}


async def test_cases_are_moved_tagged_and_deleted_in_bulk(catalog: Catalog) -> None:
    project_id, module_id = await place(catalog)
    second = await catalog.module(project_id, "second")
    ids = [await catalog.case(module_id, f"c{number}", tags=["smoke"]) for number in range(3)]

    async def bulk(**body: Any) -> httpx.Response:
        return await catalog.admin.post("/catalog/cases:bulk", json=body)

    moved = await bulk(ids=[ids[2], ids[0]], action="move", module_id=second)
    assert moved.status_code == 200, moved.text
    assert [(case["id"], case["module_id"]) for case in moved.json()["data"]] == [(ids[2], second), (ids[0], second)]
    tagged = await bulk(ids=ids, action="tag", add=["slow", "smoke"], remove=["none"])
    assert [case["tags"] for case in tagged.json()["data"]] == [["smoke", "slow"]] * 3
    assert (await read(catalog, ids[1]))["document"]["tags"] == ["smoke", "slow"]
    assert [case["revision"] for case in tagged.json()["data"]] == [3, 2, 3]
    same = await bulk(ids=ids, action="tag", remove=["none"])
    assert [case["revision"] for case in same.json()["data"]] == [3, 2, 3]
    listed = (await catalog.admin.get(f"/catalog/projects/{project_id}/modules")).json()["data"]
    assert {module["id"]: module["case_count"] for module in listed} == {module_id: 1, second: 2}

    assert (await bulk(ids=ids[:2], action="delete")).json() == {"data": []}
    assert [case["id"] for case in (await catalog.admin.get("/catalog/cases")).json()["data"]] == [ids[2]]
    gone = [event["id"] for event in await catalog.events("case.changed") if event["deleted"]]
    assert gone == ids[:2]


async def test_a_bulk_change_is_all_or_none(catalog: Catalog) -> None:
    project_id, module_id = await place(catalog)
    foreign_module = await catalog.module(await catalog.project("other"), "foreign")
    mine = await catalog.case(module_id, "mine")
    foreign = await catalog.case(foreign_module, "foreign")
    member = await catalog.user("member", projects=[project_id])
    before = await catalog.events()
    body: dict[str, Any]
    for body, status, named in (
        ({"ids": [mine, foreign], "action": "delete"}, 403, [foreign]),
        ({"ids": [mine, 999999], "action": "delete"}, 400, [999999]),
        ({"ids": [mine], "action": "move", "module_id": foreign_module}, 400, [foreign_module]),
    ):
        answer = await member.post("/catalog/cases:bulk", json=body)
        assert answer.status_code == status
        assert answer.json()["errors"][0]["ids"] == named
    for body, code, field in (
        ({"ids": [mine], "action": "move"}, "missing_parameter", "module_id"),
        ({"ids": [mine], "action": "burn"}, "invalid_parameter", "action"),
        ({"ids": [mine, mine], "action": "delete"}, "invalid_parameter", "ids"),
        ({"ids": [], "action": "delete"}, "invalid_parameter", "ids"),
        ({"ids": [mine], "action": "delete", "module_id": 1}, "invalid_parameter", "module_id"),
        ({"ids": [mine]}, "missing_parameter", "action"),
    ):
        answer = await member.post("/catalog/cases:bulk", json=body)
        assert answer.status_code == 400
        assert answer.json()["code"] == code, body
        assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert await catalog.events() == before


async def test_bulk_changes_that_cross_each_other_both_end(catalog: Catalog) -> None:
    places = [await place(catalog) for _ in range(2)]
    ids = [await catalog.case(module_id, f"c{number}") for _, module_id in places for number in range(3)]
    answers = await asyncio.gather(
        *(
            catalog.admin.post(
                "/catalog/cases:bulk", json={"ids": ids[:: 1 if turn % 2 else -1], "action": "tag", "add": [f"t{turn}"]}
            )
            for turn in range(6)
        )
    )
    assert [answer.status_code for answer in answers] == [200] * 6
    for case_id in ids:
        case = await read(catalog, case_id)
        assert set(case["tags"]) == {"smoke", *(f"t{turn}" for turn in range(6))}
        assert case["revision"] == 7


async def test_a_document_is_checked_without_being_saved(catalog: Catalog) -> None:
    stranger = await catalog.user("stranger")
    steps = [{"name": "s", "type": "set", "variables": {"greeting": "hello {{user}} {{user}}"}}]
    good = await stranger.post("/catalog/cases:validate", json={"document": document(steps=steps)})
    assert good.status_code == 200
    assert good.json() == {"errors": [], "variables": ["user"]}
    bad = await stranger.post("/catalog/cases:validate", json={"document": {"kind": "Case"}})
    assert bad.status_code == 200
    faults = {(fault["field"], fault["reason"]) for fault in bad.json()["errors"]}
    assert {("document.apiVersion", "missing"), ("document.steps", "missing")} <= faults
    assert bad.json()["variables"] == []
    assert await catalog.events("case.changed") == []
