from typing import Any

import pytest

from kit.settings import settings
from tests.catalog.conftest import Catalog
from tests.support.platform import Platform
from tests.support.wait import until


async def test_the_sample_project_runs_and_fails_only_where_it_means_to(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_DEMO", "1")
    settings.cache_clear()
    made = await platform.admin.post("/catalog/projects/sample")
    assert made.status_code == 201, made.text
    sample = made.json()
    assert sample["name"] == "Sample project"
    assert sample["case_count"] == 3
    environment = (await platform.admin.get(f"/catalog/environments/{sample['default_environment_id']}")).json()
    assert environment["base_urls"] == {"default": f"{platform.url}/catalog/demo"}

    async def known() -> Any:
        started = await platform.admin.post("/runs", json={"case_ids": sample["case_ids"]})
        return started.json().get("run_id")

    run_id = await until(known)

    async def ended() -> Any:
        run = (await platform.admin.get(f"/runs/{run_id}")).json()
        return run if run["finished_at"] else None

    run = await until(ended, 30)
    assert [case["status"] for case in run["cases"]] == ["passed", "passed", "failed"], run
    assert run["cases"][2]["failure_class"] == "assertion"


async def test_without_the_demo_switch_there_is_neither_sample_nor_target(catalog: Catalog) -> None:
    for method, path in (("POST", "projects/sample"), ("POST", "demo/login"), ("GET", "demo/orders/1")):
        answer = await catalog.admin.request(method, f"/catalog/{path}", json={"user": "a", "password": "b"})
        assert answer.status_code == 404, path
        assert answer.json()["code"] == "not_found"


async def test_only_superusers_make_the_sample_project(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDS_DEMO", "1")
    settings.cache_clear()
    bob = await catalog.user("bob")
    assert (await bob.post("/catalog/projects/sample")).status_code == 403
    made = await catalog.admin.post("/catalog/projects/sample", headers={"Accept-Language": "zh"})
    assert made.json()["name"] == "示例项目"
    cases = (await catalog.admin.get("/catalog/cases")).json()["data"]
    assert [case["id"] for case in cases] == made.json()["case_ids"]
    assert [case["name"] for case in cases] == ["登录", "下单并支付", "退款（故意失败）"]
