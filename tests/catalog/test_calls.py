from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from kit.errors import InvalidParameter
from services.catalog import rules
from services.catalog.db import database
from services.catalog.usecases import cases as usecases
from tests.catalog.conftest import Catalog, document


def calling(*ids: int) -> dict[str, Any]:
    return document(steps=[{"name": "call", "type": "call", "case_id": id} for id in ids])


async def call(case_id: int, called_id: int) -> None:
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO case_call VALUES (:a, :b)"), {"a": case_id, "b": called_id})


async def faults(project_id: int, case_id: int | None, *called: int) -> list[tuple[str, str]]:
    async with database.transaction() as session:
        try:
            await usecases.check_calls(session, project_id, calling(*called), case_id)
        except InvalidParameter as refused:
            return [(fault.field, fault.reason) for fault in refused.errors]
    return []


@pytest.fixture
async def place(catalog: Catalog) -> tuple[int, int]:
    project_id = await catalog.project()
    return project_id, await catalog.module(project_id)


async def test_a_case_tells_what_it_calls_and_what_calls_it(catalog: Catalog, place: tuple[int, int]) -> None:
    ids = [await catalog.case(place[1], f"c{number}") for number in range(3)]
    await call(ids[0], ids[2])
    await call(ids[1], ids[2])
    assert (await catalog.admin.get(f"/catalog/cases/{ids[2]}")).json()["called_by"] == ids[:2]
    listed = (await catalog.admin.get("/catalog/cases", params={"project_id": place[0]})).json()["data"]
    assert [(case["calls"], case["called_by"]) for case in listed] == [([ids[2]], []), ([ids[2]], []), ([], ids[:2])]


async def test_a_case_that_others_call_is_not_deleted_and_the_refusal_names_them(
    catalog: Catalog, place: tuple[int, int]
) -> None:
    ids = [await catalog.case(place[1], f"c{number}") for number in range(3)]
    await call(ids[0], ids[2])
    await call(ids[1], ids[2])
    for answer in (
        await catalog.admin.delete(f"/catalog/cases/{ids[2]}"),
        await catalog.admin.post("/catalog/cases:bulk", json={"ids": [ids[2], ids[0]], "action": "delete"}),
    ):
        assert answer.status_code == 409
        assert answer.json()["code"] == "case_in_use"
    assert answer.json()["cases"] == [{"id": ids[1], "name": "c1"}]
    assert f"c1 ({ids[1]})" in answer.json()["msg"]
    together = await catalog.admin.post("/catalog/cases:bulk", json={"ids": ids, "action": "delete"})
    assert together.status_code == 200


async def test_a_call_of_a_case_that_is_not_in_the_project_is_refused_by_its_path(
    catalog: Catalog, place: tuple[int, int]
) -> None:
    project_id, module_id = place
    here = await catalog.case(module_id)
    foreign = await catalog.case(await catalog.module(await catalog.project("other")))
    assert await faults(project_id, None, here) == []
    assert await faults(project_id, None, here, foreign, 999999) == [
        ("document.steps[1].case_id", "unknown_ids"),
        ("document.steps[2].case_id", "unknown_ids"),
    ]


async def test_a_circle_of_calls_is_refused(catalog: Catalog, place: tuple[int, int]) -> None:
    project_id, module_id = place
    a, b, c = [await catalog.case(module_id, name) for name in "abc"]
    await call(a, b)
    await call(b, c)
    assert await faults(project_id, c, a) == [("document.steps[0].case_id", "cycle")]
    assert await faults(project_id, c, b) == [("document.steps[0].case_id", "cycle")]
    assert await faults(project_id, c, c) == [("document.steps[0].case_id", "cycle")]
    assert await faults(project_id, a, b, c) == []


async def test_calls_go_ten_deep_and_no_deeper(catalog: Catalog, place: tuple[int, int]) -> None:
    project_id, module_id = place
    chain = [await catalog.case(module_id, f"c{number}") for number in range(12)]
    for upper, lower in pairwise(chain[:6]):
        await call(upper, lower)
    for upper, lower in pairwise(chain[6:11]):
        await call(upper, lower)
    # c0 … c5 is one chain, c6 … c10 another: joined, the first case calls ten deep
    assert await faults(project_id, chain[5], chain[6]) == []
    await call(chain[10], chain[11])
    assert await faults(project_id, chain[5], chain[6]) == [("document.steps[0].case_id", "out_of_range")]
    assert await faults(project_id, None, chain[1]) == []


def test_calls_are_found_in_groups_and_in_the_teardown() -> None:
    found = rules.calls_of(
        {
            "steps": [
                {"type": "wait"},
                {"type": "group", "steps": [{"type": "call", "case_id": 5}, {"type": "group", "steps": []}]},
            ],
            "teardown": [{"type": "call", "case_id": 6}, {"type": "call", "case_id": 5}],
        }
    )
    assert found == {5: "steps[1].steps[0].case_id", 6: "teardown[0].case_id"}


async def test_pasted_commands_become_steps_without_their_credentials(catalog: Catalog, place: tuple[int, int]) -> None:
    url = f"/catalog/projects/{place[0]}/convert"
    stranger = await catalog.user("stranger")
    pasted = "curl -k https://x.test/a -H 'Authorization: Bearer jwt-jwt-jwt'"
    answer = await stranger.post(url, json={"format": "curl", "text": pasted})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "steps": [
            {
                "name": "GET /a",
                "type": "request",
                "request": {
                    "method": "GET",
                    "url": "https://x.test/a",
                    "auth": {"type": "bearer", "token": "{{token}}"},
                },
                "options": {"follow_redirects": False, "verify_tls": False},
            }
        ],
        "notes": [
            {"step": 0, "kind": "converted", "option": "-k", "msg": "-k: TLS certificates are not verified"},
        ],
        "secrets_found": [{"name": "token", "value": "jwt-jwt-jwt", "field": "steps[0].request.auth.token"}],
    }
    saved = await catalog.admin.post(
        f"/catalog/modules/{place[1]}/cases", json={"document": document(steps=answer.json()["steps"])}
    )
    assert saved.status_code == 201, saved.text
    assert (await stranger.post(url, json={"format": "wget", "text": "x"})).status_code == 400
    assert (
        await stranger.post("/catalog/projects/999999/convert", json={"format": "curl", "text": "x"})
    ).status_code == 404
