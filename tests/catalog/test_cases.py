import asyncio
from typing import Any

from tests.catalog.conftest import Catalog, document


async def place(catalog: Catalog) -> tuple[int, int]:
    project_id = await catalog.project()
    return project_id, await catalog.module(project_id)


async def test_a_case_is_saved_and_read_with_its_document_as_saved(catalog: Catalog) -> None:
    project_id, module_id = await place(catalog)
    saved = document(
        variables={"z": 9007199254740993, "a": 1.5},
        steps=[
            {"name": "s", "type": "set", "variables": {"second": 2, "first": "{{second}}"}},
            {
                "name": "ping",
                "type": "request",
                "request": {"method": "GET", "url": "{{base_url}}/", "headers": {"Z": "1", "A": "2"}},
            },
        ],
        teardown=[{"name": "rest", "type": "wait", "duration_ms": 1}],
    )
    made = await catalog.admin.post(f"/catalog/modules/{module_id}/cases", json={"document": saved})
    assert made.status_code == 201, made.text
    case = made.json()
    assert case == {
        "id": case["id"],
        "project_id": project_id,
        "module_id": module_id,
        "name": "登录",
        "tags": ["smoke"],
        "step_count": 3,
        "revision": 1,
        "document": saved,
        "calls": [],
        "called_by": [],
        "created_at": case["created_at"],
        "updated_at": case["updated_at"],
        "created_by": {"id": 1, "username": "admin"},
        "updated_by": {"id": 1, "username": "admin"},
    }
    read = (await catalog.admin.get(f"/catalog/cases/{case['id']}")).json()
    assert read == case
    assert list(read["document"]["steps"][0]["variables"]) == ["second", "first"]
    assert list(read["document"]["steps"][1]["request"]["headers"]) == ["Z", "A"]
    [event] = await catalog.events("case.changed")
    assert event["document"] == saved
    assert event["step_count"] == 3
    assert event["module_id"] == module_id


async def test_a_faulty_document_names_every_fault_by_its_path(catalog: Catalog) -> None:
    _, module_id = await place(catalog)
    faulty = document(
        tags="smoke",
        steps=[
            {"name": "ok", "type": "wait", "duration_ms": 1},
            {
                "name": "bad",
                "type": "request",
                "request": {"method": "GET", "url": "{{base_url}}/"},
                "asserts": [{"query": {"type": "status"}, "predicate": "resembles", "value": 200}],
            },
        ],
    )
    answer = await catalog.admin.post(f"/catalog/modules/{module_id}/cases", json={"document": faulty})
    assert answer.status_code == 400
    fields = {fault["field"] for fault in answer.json()["errors"]}
    assert fields == {"document.tags", "document.steps[1].asserts[0].predicate"}
    assert all(fault["hint"] for fault in answer.json()["errors"])
    assert await catalog.events("case.changed") == []
    assert (await catalog.admin.get("/catalog/cases")).json()["total"] == 0


async def test_ten_writers_of_one_case_give_revisions_in_order_and_lose_none(catalog: Catalog) -> None:
    _, module_id = await place(catalog)
    case_id = await catalog.case(module_id)
    answers = await asyncio.gather(
        *(catalog.admin.put(f"/catalog/cases/{case_id}", json={"document": document(f"n{i}")}) for i in range(10))
    )
    assert sorted(answer.json()["revision"] for answer in answers) == list(range(2, 12))
    assert [event["revision"] for event in await catalog.events("case.changed")] == list(range(1, 12))
    newest = (await catalog.admin.get(f"/catalog/cases/{case_id}")).json()
    assert newest["name"] == (await catalog.events("case.changed"))[-1]["name"]
    for answer in answers:
        assert answer.json()["document"]["name"] == answer.json()["name"]


async def test_of_writers_with_the_same_if_match_one_wins(catalog: Catalog) -> None:
    _, module_id = await place(catalog)
    case_id = await catalog.case(module_id)
    answers = await asyncio.gather(
        *(
            catalog.admin.put(
                f"/catalog/cases/{case_id}", json={"document": document(f"n{i}")}, headers={"If-Match": "1"}
            )
            for i in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


async def test_a_deleted_case_is_gone_and_says_so(catalog: Catalog) -> None:
    project_id, module_id = await place(catalog)
    case_id = await catalog.case(module_id)
    assert (await catalog.admin.delete(f"/catalog/cases/{case_id}")).status_code == 204
    assert (await catalog.admin.get(f"/catalog/cases/{case_id}")).status_code == 404
    assert (await catalog.admin.put(f"/catalog/cases/{case_id}", json={"document": document()})).status_code == 404
    last = (await catalog.events("case.changed"))[-1]
    assert last["deleted"] is True
    assert last["revision"] == 2
    assert last["name"] == "登录"
    assert last["document"] is None
    assert (await catalog.admin.get(f"/catalog/projects/{project_id}")).json()["case_count"] == 0


async def test_names_with_emoji_and_right_to_left_text_are_kept_and_nul_is_refused(catalog: Catalog) -> None:
    _, module_id = await place(catalog)
    for name in ("🚀 launch", "שלום עולם", "用" * 100, "a\u202eb"):
        case_id = await catalog.case(module_id, name)
        assert (await catalog.admin.get(f"/catalog/cases/{case_id}")).json()["name"] == name
        assert (await catalog.admin.get("/catalog/cases", params={"search": name[:3]})).json()["total"] == 1
    for faulty in (
        document("用" * 101),
        document("a\0b"),
        document(variables={"n": 2**70}),
        document(variables={"n": {"deep": ["\0"]}}),
    ):
        answer = await catalog.admin.post(f"/catalog/modules/{module_id}/cases", json={"document": faulty})
        assert answer.status_code == 400, faulty
        assert answer.json()["code"] == "invalid_parameter"
    answer = await catalog.admin.post(
        f"/catalog/modules/{module_id}/cases",
        content=b'{"document": {"x": 1e999}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert (await catalog.admin.get("/catalog/cases?search=%00")).status_code == 400


async def test_lists_filter_search_sort_and_page(catalog: Catalog) -> None:
    project_id, module_id = await place(catalog)
    inner = await catalog.module(project_id, "inner", parent_id=module_id)
    other_project = await catalog.project("other")
    other = await catalog.module(other_project, "m")
    login = await catalog.case(module_id, "用户登录 Login", tags=["smoke", "登录"])
    logout = await catalog.case(inner, "用户登出 LOGOUT", tags=["smoke"])
    pay = await catalog.case(inner, "支付", tags=[])
    foreign = await catalog.case(other, "用户", tags=["slow"])

    async def found(**params: Any) -> list[int]:
        answer = await catalog.admin.get("/catalog/cases", params=params)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert set(body) == {"total", "page", "page_size", "data"}
        assert all("document" not in item for item in body["data"])
        if "page" not in params and "page_size" not in params:
            assert body["total"] == len(body["data"])
        return [item["id"] for item in body["data"]]

    assert await found() == [login, logout, pay, foreign]
    assert await found(project_id=project_id) == [login, logout, pay]
    assert await found(module_id=module_id) == [login]
    assert await found(module_id=module_id, recursive=1) == [login, logout, pay]
    assert await found(module_id=inner, project_id=other_project) == []
    assert await found(search="登") == [login, logout]
    assert await found(search="登录") == [login]
    assert await found(search="log") == [login, logout]
    assert await found(search="n lo") == []
    assert await found(search="%") == []
    assert await found(tag="smoke") == [login, logout]
    assert await found(tag="smoke", search="登录", project_id=project_id) == [login]
    assert await found(ids=f"{pay},{foreign}, {login}") == [login, pay, foreign]
    assert await found(sort="-id", page_size=2, page=2) == [logout, login]
    assert await found(sort="name") == sorted(
        [login, logout, pay, foreign],
        key=lambda id: {login: "用户登录 Login", logout: "用户登出 LOGOUT", pay: "支付", foreign: "用户"}[id],
    )
    await catalog.admin.put(f"/catalog/cases/{login}", json={"document": document("用户登录 Login")})
    assert (await found(sort="-updated_at"))[0] == login

    for params, field in (
        ({"page_size": 201}, "page_size"),
        ({"page": 0}, "page"),
        ({"sort": "colour"}, "sort"),
        ({"ids": "1,x"}, "ids"),
        ({"project_id": "x"}, "project_id"),
        ({"module_id": 2**40}, "module_id"),
    ):
        answer = await catalog.admin.get("/catalog/cases", params=params)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == field
    assert (await catalog.admin.get("/catalog/cases?project_id=999999")).status_code == 404
    assert (await catalog.admin.get("/catalog/cases?module_id=999999")).status_code == 404
