from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kit import crypto
from kit.settings import settings
from services.catalog.db import database
from services.catalog.settings import catalog_settings
from tests.catalog.conftest import Catalog
from tests.support.certificates import Authority
from tests.support.target import Target
from tests.support.tls_target import tls_target

AUTHORITY = Authority()
BODY: dict[str, Any] = {
    "name": "qa",
    "base_urls": {"default": "https://qa.example.test", "pay": "https://pay.example.test"},
    "headers": {"X-Env": "qa", "A-First": "last"},
    "variables": {"user": "bob", "limits": [1, 2]},
    "secrets": {"password": "s3cret-value"},
    "is_default": True,
    "verify_tls": True,
    "proxy": None,
    "ca_bundle": AUTHORITY.pem,
    "client_certificate": None,
    "client_key": None,
}


async def make(catalog: Catalog, project_id: int, **more: Any) -> dict[str, Any]:
    answer = await catalog.admin.post(f"/catalog/projects/{project_id}/environments", json={**BODY, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_environment_answers_everything_but_its_secrets(catalog: Catalog) -> None:
    project_id = await catalog.project()
    environment = await make(catalog, project_id)
    [secret] = environment["secrets"]
    assert secret["name"] == "password"
    assert set(secret) == {"name", "updated_at"}
    assert {name: environment[name] for name in BODY if name != "secrets"} == {
        name: value for name, value in BODY.items() if name != "secrets"
    }
    assert list(environment["headers"]) == ["X-Env", "A-First"]
    assert environment["project_id"] == project_id
    assert environment["databases"] is None
    read = await catalog.admin.get(f"/catalog/environments/{environment['id']}")
    assert read.json() == environment
    listed = await catalog.admin.get(f"/catalog/projects/{project_id}/environments")
    assert listed.json() == {"total": 1, "page": 1, "page_size": 20, "data": [environment]}
    for answer in (read, listed):
        assert "s3cret" not in answer.text


async def test_secrets_are_stored_and_stated_encrypted_for_their_environment(catalog: Catalog) -> None:
    environment = await make(catalog, await catalog.project())
    async with database.transaction() as session:
        [stored] = (await session.execute(text("SELECT value FROM secret"))).scalars()
    assert stored.startswith("k1:")
    assert crypto.decrypt("password", environment["id"], stored) == "s3cret-value"
    [event] = await catalog.events("environment.changed")
    assert event["secrets"] == {"password": stored}
    assert event["is_default"] is True
    assert all("s3cret" not in str(one) for one in await catalog.events())


async def test_a_secret_is_set_by_a_value_deleted_by_null_and_kept_when_absent(catalog: Catalog) -> None:
    project_id = await catalog.project()
    environment = await make(catalog, project_id, secrets={"a": "value-a", "b": "value-b", "c": "value-c"})
    url = f"/catalog/environments/{environment['id']}"
    changed = await catalog.admin.put(url, json={**BODY, "secrets": {"a": "other-a", "b": None}})
    assert changed.status_code == 200, changed.text
    assert [secret["name"] for secret in changed.json()["secrets"]] == ["a", "c"]
    assert changed.json()["revision"] == 2
    before = {secret["name"]: secret["updated_at"] for secret in environment["secrets"]}
    after = {secret["name"]: secret["updated_at"] for secret in changed.json()["secrets"]}
    assert after["c"] == before["c"]
    assert after["a"] > before["a"]
    event = (await catalog.events("environment.changed"))[-1]
    assert {name: crypto.decrypt(name, environment["id"], value) for name, value in event["secrets"].items()} == {
        "a": "other-a",
        "c": "value-c",
    }


async def test_a_short_secret_and_every_other_fault_are_named_at_once(catalog: Catalog) -> None:
    project_id = await catalog.project()
    faulty = {
        "name": " ",
        "base_urls": {"default": "ftp://x", "1bad": "https://x"},
        "headers": {"bad name": "x"},
        "variables": {"1st": 1},
        "secrets": {"password": "short"},
        "is_default": 1,
        "proxy": "nowhere",
        "ca_bundle": "-----BEGIN CERTIFICATE-----",
        "client_certificate": AUTHORITY.pem,
        "databases": {},
        "more": True,
    }
    answer = await catalog.admin.post(f"/catalog/projects/{project_id}/environments", json=faulty)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_parameter"
    assert {(fault["field"], fault["reason"]) for fault in answer.json()["errors"]} == {
        ("name", "bad_format"),
        ("base_urls.default", "bad_format"),
        ("base_urls.1bad", "bad_format"),
        ("headers", "bad_format"),
        ("variables", "bad_format"),
        ("secrets.password", "out_of_range"),
        ("is_default", "wrong_type"),
        ("proxy", "bad_format"),
        ("ca_bundle", "bad_format"),
        ("client_key", "bad_format"),
        ("databases", "wrong_type"),
        ("more", "unknown_field"),
    }
    assert "short" not in answer.text
    assert (await catalog.admin.get(f"/catalog/projects/{project_id}/environments")).json()["total"] == 0


async def test_exactly_one_environment_of_a_project_is_the_default(catalog: Catalog) -> None:
    project_id = await catalog.project()

    async def default() -> Any:
        return (await catalog.admin.get(f"/catalog/projects/{project_id}")).json()["default_environment_id"]

    async def flags() -> dict[int, bool]:
        listed = await catalog.admin.get(f"/catalog/projects/{project_id}/environments")
        return {one["id"]: one["is_default"] for one in listed.json()["data"]}

    first = await make(catalog, project_id, is_default=False)
    assert first["is_default"], "the first one is the default whatever it says"
    second = await make(catalog, project_id, name="second", is_default=False)
    third = await make(catalog, project_id, name="third", is_default=True)
    assert await flags() == {first["id"]: False, second["id"]: False, third["id"]: True}
    assert await default() == third["id"]

    await catalog.admin.put(f"/catalog/environments/{second['id']}", json={**BODY, "is_default": True})
    assert await flags() == {first["id"]: False, second["id"]: True, third["id"]: False}
    stated = {event["id"]: event["is_default"] for event in await catalog.events("environment.changed")}
    assert stated == await flags()

    assert (await catalog.admin.delete(f"/catalog/environments/{second['id']}")).status_code == 204
    assert await flags() == {first["id"]: True, third["id"]: False}
    assert await default() == first["id"]
    for one in (first, third):
        await catalog.admin.delete(f"/catalog/environments/{one['id']}")
    assert await default() is None
    assert (await catalog.events("project.changed"))[-1]["default_environment_id"] is None
    gone = [event for event in await catalog.events("environment.changed") if event["deleted"]]
    assert {event["id"] for event in gone} == {first["id"], second["id"], third["id"]}
    assert all(event["secrets"] is None and event["name"] for event in gone)


async def test_a_stale_revision_is_refused_with_the_present_one(catalog: Catalog) -> None:
    environment = await make(catalog, await catalog.project())
    url = f"/catalog/environments/{environment['id']}"
    assert (await catalog.admin.put(url, json=BODY, headers={"If-Match": '"1"'})).status_code == 200
    stale = await catalog.admin.put(url, json=BODY, headers={"If-Match": "1"})
    assert stale.status_code == 409
    assert stale.json()["code"] == "revision_conflict"
    assert stale.json()["revision"] == 2
    assert (await catalog.admin.delete(url, headers={"If-Match": "1"})).status_code == 409
    assert (await catalog.admin.delete(url, headers={"If-Match": "2"})).status_code == 204
    assert (await catalog.admin.get(url)).status_code == 404


async def test_the_order_of_checks_is_missing_then_404_403_409_then_faults(catalog: Catalog) -> None:
    environment = await make(catalog, await catalog.project())
    url = f"/catalog/environments/{environment['id']}"
    bob = await catalog.user("bob")
    faulty = {**BODY, "proxy": 5}
    missing = {name: value for name, value in faulty.items() if name != "name"}
    old = {"If-Match": "7"}
    assert (await bob.put("/catalog/environments/999999", json=missing)).json()["code"] == "missing_parameter"
    assert (await bob.put("/catalog/environments/999999", json=faulty)).json()["code"] == "not_found"
    assert (await bob.put(url, json=faulty, headers=old)).json()["code"] == "permission_denied"
    assert (await catalog.admin.put(url, json=faulty, headers=old)).json()["code"] == "revision_conflict"
    assert (await catalog.admin.put(url, json=faulty)).json()["code"] == "invalid_parameter"


async def test_the_check_tells_which_base_urls_answer(
    catalog: Catalog, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_EXECUTOR_EGRESS_ALLOW", "127.0.0.0/8")
    catalog_settings.cache_clear()
    project_id = await catalog.project()
    urls = {
        "default": f"{target.url}/anything",
        "closed": "http://127.0.0.1:1/",
        "nowhere": "http://nowhere.invalid/",
        "metadata": "http://169.254.169.254/latest",
        "literal": "http://[::1]:1/",
    }
    environment = await make(catalog, project_id, base_urls=urls)
    member = await catalog.user("member", projects=[project_id])
    answer = await member.post(f"/catalog/environments/{environment['id']}/check")
    assert answer.status_code == 200, answer.text
    found = {one["name"]: one for one in answer.json()["base_urls"]}
    assert {name: one["ok"] for name, one in found.items()} == {name: name == "default" for name in urls}
    assert isinstance(found["default"]["status"], int)
    assert found["default"]["error"] is None
    kinds = {name: one["error"].partition(":")[0] for name, one in found.items() if one["error"]}
    assert kinds == {"closed": "connect", "nowhere": "dns", "metadata": "egress", "literal": "egress"}
    assert all(one["url"] == urls[name] for name, one in found.items())
    catalog_settings.cache_clear()


async def test_the_check_obeys_the_projects_own_networks(
    catalog: Catalog, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_EXECUTOR_EGRESS_ALLOW", "127.0.0.0/8")
    catalog_settings.cache_clear()
    project_id = await catalog.project(egress_allow=["10.0.0.0/8"])
    before = len(target.requests)
    environment = await make(catalog, project_id, base_urls={"default": target.url})
    [answer] = (await catalog.admin.post(f"/catalog/environments/{environment['id']}/check")).json()["base_urls"]
    assert answer["error"].startswith("egress: ")
    through = await make(catalog, project_id, base_urls={"default": target.url}, proxy=target.url)
    [answer] = (await catalog.admin.post(f"/catalog/environments/{through['id']}/check")).json()["base_urls"]
    assert answer["error"].startswith("egress: ")
    assert len(target.requests) == before
    catalog_settings.cache_clear()


async def test_only_members_make_the_platform_ask(catalog: Catalog) -> None:
    environment = await make(catalog, await catalog.project())
    stranger = await catalog.user("stranger")
    url = f"/catalog/environments/{environment['id']}/check"
    assert (await stranger.post(url)).status_code == 403
    assert (await catalog.admin.post("/catalog/environments/999999/check")).status_code == 404


async def test_rotating_encrypts_every_secret_with_the_first_key_and_states_it(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = await catalog.project()
    first = await make(catalog, project_id, secrets={"a": "value-a", "b": "value-b"})
    second = await make(catalog, await catalog.project("B"), secrets={"c": "value-c"})
    old = settings().encryption_keys
    assert old is not None
    monkeypatch.setenv("ROUNDS_ENCRYPTION_KEYS", f"k2:{crypto.new_key()},{old.get_secret_value()}")
    settings.cache_clear()
    member = await catalog.user("member", projects=[project_id])
    assert (await member.post("/catalog/secrets:rotate")).status_code == 403
    assert (await catalog.admin.post("/catalog/secrets:rotate")).json()["rotated"] == 3
    assert (await catalog.admin.post("/catalog/secrets:rotate")).json()["rotated"] == 0
    newest = {event["id"]: event for event in await catalog.events("environment.changed")}
    for environment, plain in ((first, {"a": "value-a", "b": "value-b"}), (second, {"c": "value-c"})):
        event = newest[environment["id"]]
        assert event["revision"] == environment["revision"] + 1
        assert all(value.startswith("k2:") for value in event["secrets"].values())
        found = {name: crypto.decrypt(name, environment["id"], value) for name, value in event["secrets"].items()}
        assert found == plain
        read = (await catalog.admin.get(f"/catalog/environments/{environment['id']}")).json()
        assert read["secrets"] == environment["secrets"], "the values did not change, so neither did their times"


async def test_a_client_certificate_names_the_secret_that_holds_its_key(catalog: Catalog) -> None:
    issued = AUTHORITY.issue("rounds-client")
    pair = {"client_certificate": issued.certificate, "client_key": "key"}
    environment = await make(catalog, await catalog.project(), **pair, secrets={"key": issued.key})

    assert {name: environment[name] for name in pair} == pair
    [event] = await catalog.events("environment.changed")
    assert {name: event[name] for name in ("ca_bundle", *pair)} == {"ca_bundle": AUTHORITY.pem, **pair}
    assert crypto.decrypt("key", environment["id"], event["secrets"]["key"]) == issued.key
    assert issued.key[40:80] not in str(environment) + str(event)


async def test_the_check_speaks_tls_as_the_environment_says(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_EXECUTOR_EGRESS_ALLOW", "127.0.0.0/8,::1/128")
    catalog_settings.cache_clear()
    issued, project_id = AUTHORITY.issue("rounds-client"), await catalog.project()
    with tls_target(tmp_path, AUTHORITY, clients=AUTHORITY) as url:
        common = {"base_urls": {"default": url}, "client_certificate": issued.certificate, "client_key": "key"}
        good = await make(catalog, project_id, **common, secrets={"key": issued.key})
        keyless = await make(catalog, project_id, **common, name="keyless")
        found = [
            (await catalog.admin.post(f"/catalog/environments/{one['id']}/check")).json()["base_urls"][0]
            for one in (good, keyless)
        ]

    assert (found[0]["ok"], found[0]["status"]) == (True, 200), found[0]
    assert found[1]["error"].startswith("config: there is a client_certificate, but no key")
    catalog_settings.cache_clear()
