import asyncio
import random
from typing import Any

import pytest

from services.catalog import rules
from tests.catalog.conftest import Catalog, document


async def tree(catalog: Catalog, project_id: int) -> list[dict[str, Any]]:
    answer = await catalog.admin.get(f"/catalog/projects/{project_id}/modules")
    data: list[dict[str, Any]] = answer.json()["data"]
    assert answer.json()["total"] == len(data)
    return data


async def names(catalog: Catalog, project_id: int) -> list[str]:
    return ["/".join(module["path"]) for module in await tree(catalog, project_id)]


async def test_modules_form_a_tree_with_paths_and_positions(catalog: Catalog) -> None:
    project_id = await catalog.project()
    made = await catalog.admin.post(
        f"/catalog/projects/{project_id}/modules", json={"name": "用户", "parent_id": None, "position": 0}
    )
    assert made.status_code == 201
    module = made.json()
    assert module == {
        "id": module["id"],
        "project_id": project_id,
        "parent_id": None,
        "name": "用户",
        "position": 0,
        "path": ["用户"],
        "case_count": 0,
        "revision": 1,
        "created_at": module["created_at"],
        "updated_at": module["updated_at"],
        "created_by": {"id": 1, "username": "admin"},
        "updated_by": {"id": 1, "username": "admin"},
    }
    first = await catalog.module(project_id, "first", position=0)
    inner = await catalog.module(project_id, "inner", parent_id=module["id"])
    assert await names(catalog, project_id) == ["first", "用户", "用户/inner"]
    positions = {one["id"]: one["position"] for one in await tree(catalog, project_id)}
    assert positions == {first: 0, module["id"]: 1, inner: 0}
    read = await catalog.admin.get(f"/catalog/modules/{inner}")
    assert read.json()["path"] == ["用户", "inner"]


async def test_a_module_is_renamed_in_place_and_moved_by_put(catalog: Catalog) -> None:
    project_id = await catalog.project()
    a, b, c = [await catalog.module(project_id, name) for name in "abc"]
    renamed = await catalog.admin.put(f"/catalog/modules/{b}", json={"name": "B"})
    assert renamed.json()["position"] == 1
    await catalog.admin.put(f"/catalog/modules/{c}", json={"name": "c", "position": 0})
    assert await names(catalog, project_id) == ["c", "a", "B"]
    await catalog.admin.put(f"/catalog/modules/{a}", json={"name": "a", "parent_id": b})
    assert await names(catalog, project_id) == ["c", "B", "B/a"]


async def test_a_move_changes_the_moved_module_alone(catalog: Catalog) -> None:
    project_id = await catalog.project()
    a, b, c = [await catalog.module(project_id, name) for name in "abc"]
    moved = await catalog.admin.post(f"/catalog/modules/{c}/move", json={"parent_id": None, "before_id": a})
    assert moved.status_code == 200
    assert moved.json()["position"] == 0
    assert {one["id"]: one["revision"] for one in await tree(catalog, project_id)} == {a: 1, b: 1, c: 2}
    assert (await catalog.events("module.changed"))[-1]["id"] == c


async def test_a_module_moves_neither_into_itself_nor_to_another_project(catalog: Catalog) -> None:
    project_id, other = await catalog.project(), await catalog.project("B")
    a = await catalog.module(project_id, "a")
    b = await catalog.module(project_id, "b", parent_id=a)
    foreign = await catalog.module(other, "foreign")
    for parent, reason in ((a, "cycle"), (b, "cycle"), (foreign, "unknown_ids"), (999999, "unknown_ids")):
        answer = await catalog.admin.post(f"/catalog/modules/{a}/move", json={"parent_id": parent})
        assert answer.status_code == 400
        assert [(fault["field"], fault["reason"]) for fault in answer.json()["errors"]] == [("parent_id", reason)]
    answer = await catalog.admin.post(f"/catalog/modules/{a}/move", json={"parent_id": None, "before_id": foreign})
    assert answer.json()["errors"][0]["ids"] == [foreign]
    assert await names(catalog, project_id) == ["a", "a/b"]


async def test_only_an_empty_module_is_deleted(catalog: Catalog) -> None:
    project_id = await catalog.project()
    outer = await catalog.module(project_id, "outer")
    inner = await catalog.module(project_id, "inner", parent_id=outer)
    case_id = await catalog.case(inner)
    for module_id in (outer, inner):
        answer = await catalog.admin.delete(f"/catalog/modules/{module_id}")
        assert answer.status_code == 409
        assert answer.json()["code"] == "module_not_empty"
    assert (await catalog.admin.get(f"/catalog/modules/{inner}")).json()["case_count"] == 1
    await catalog.admin.delete(f"/catalog/cases/{case_id}")
    for module_id in (inner, outer):
        assert (await catalog.admin.delete(f"/catalog/modules/{module_id}")).status_code == 204
    last = (await catalog.events("module.changed"))[-1]
    assert last["id"] == outer
    assert last["deleted"] is True
    assert last["revision"] == 2
    assert last["position"] is None


async def test_fifty_moves_at_once_lose_no_module_and_give_the_order_of_the_last_ones(catalog: Catalog) -> None:
    project_id = await catalog.project()
    ids = [await catalog.module(project_id, f"m{number}") for number in range(12)]
    dice = random.Random(7)

    async def move() -> None:
        module_id, before = dice.sample(ids, 2)
        parent = dice.choice([None, None, ids[0]])
        answer = await catalog.admin.post(
            f"/catalog/modules/{module_id}/move",
            json={"parent_id": parent, "before_id": before if dice.random() < 0.7 else None},
        )
        assert answer.status_code in {200, 400}, answer.text

    await asyncio.gather(*(move() for _ in range(120)))
    found = await tree(catalog, project_id)
    assert sorted(module["id"] for module in found) == sorted(ids)
    by_parent: dict[Any, list[int]] = {}
    for module in found:
        by_parent.setdefault(module["parent_id"], []).append(module["position"])
    assert all(positions == list(range(len(positions))) for positions in by_parent.values())
    assert set(by_parent) <= {None, ids[0]}

    stated: dict[int, list[dict[str, Any]]] = {}
    for event in await catalog.events("module.changed"):
        stated.setdefault(event["id"], []).append(event)
    for module in found:
        revisions = [event["revision"] for event in stated[module["id"]]]
        assert revisions == list(range(1, module["revision"] + 1))
    in_order = sorted(ids, key=lambda id: stated[id][-1]["position"])
    top = [module["id"] for module in found if module["parent_id"] is None]
    assert [id for id in in_order if id in top] == top


async def test_fifty_writers_of_one_project_at_once_are_all_served(catalog: Catalog) -> None:
    module_id = await catalog.module(await catalog.project())
    body = {"document": document()}
    answers = await asyncio.gather(
        *(catalog.admin.post(f"/catalog/modules/{module_id}/cases", json=body) for _ in range(50))
    )
    assert [answer.status_code for answer in answers] == [201] * 50
    assert len({answer.json()["id"] for answer in answers}) == 50
    assert (await catalog.admin.get(f"/catalog/modules/{module_id}")).json()["case_count"] == 50


async def test_moves_between_the_same_two_siblings_never_run_out_of_room(catalog: Catalog) -> None:
    project_id = await catalog.project()
    first, *others, last = [await catalog.module(project_id, name) for name in "abcd"]
    for turn in range(50):
        mover, before = others[turn % 2], others[(turn + 1) % 2]
        answer = await catalog.admin.post(
            f"/catalog/modules/{mover}/move", json={"parent_id": None, "before_id": before}
        )
        assert answer.status_code == 200
        order = [module["id"] for module in await tree(catalog, project_id)]
        assert order == [first, mover, before, last]


@pytest.mark.parametrize(
    ("ranks", "index", "expected"),
    [
        ([], 0, 0),
        ([], 5, 0),
        ([10], 0, 10 - rules.RANK_GAP),
        ([10], 1, 10 + rules.RANK_GAP),
        ([0, 10], 1, 5),
        ([0, 1], 1, None),
        ([-3, -1], 1, -2),
        ([0, 10], 99, 10 + rules.RANK_GAP),
    ],
)
def test_a_rank_lies_between_its_neighbours(ranks: list[int], index: int, expected: int | None) -> None:
    assert rules.rank_at(ranks, index) == expected
