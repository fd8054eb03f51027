"""`rounds outbox`, `rounds dead-letter`, `rounds secrets`: what operators do to a platform that runs."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from cli.postgres import free_port
from contracts.catalog import ModuleChanged, ProjectChanged
from contracts.cloudevents import Envelope
from kit.crypto import keys_read, new_key
from kit.settings import settings
from services.catalog.db import database as catalog
from services.catalog.queries import states
from services.scheduler.consumers import consumer
from services.scheduler.db import database as scheduler
from tests.cli.conftest import Rounds, Up, admin_of, run_command
from tests.cli.test_client import document
from tests.conftest import ENCRYPTION_KEY
from tests.support.platform import Platform
from tests.support.postgres import Postgres
from tests.support.wait import until

NEW_PASSWORD = "a-password-of-my-own"


async def saved(admin: httpx.AsyncClient, path: str, body: dict[str, Any]) -> int:
    answer = await admin.post(path, json=body)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return int(answer.json()["id"])


async def printed(*arguments: object, **env: str) -> Any:
    ended = await run_command(*arguments, "--output", "json", **env)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


async def test_a_snapshot_fills_emptied_replicas_of_a_running_up(
    up: Callable[[str], Up], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = up("one")
    await one.begin()
    assert one.password is not None
    async with admin_of(one, one.password) as admin:
        body = {"old_password": one.password, "password": NEW_PASSWORD}
        assert (await admin.post("/user/change-password", json=body)).status_code == httpx.codes.OK
    async with admin_of(one, NEW_PASSWORD) as admin:
        project = await saved(admin, "/catalog/projects", {"name": "shop"})
        module = await saved(admin, f"/catalog/projects/{project}/modules", {"name": "orders"})
        for name in ("first", "second"):
            await saved(admin, f"/catalog/modules/{module}/cases", {"document": document(name, 200)})

    kept = dict(line.split("=", 1) for line in (one.data_dir / "secrets.env").read_text().splitlines())
    port = (one.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[3]
    password = kept["SCHEDULER_DATABASE_PASSWORD"]
    connection = await asyncpg.connect(f"postgresql://scheduler:{password}@127.0.0.1:{port}/postgres")
    try:
        replicas = "SELECT array_agg(name ORDER BY id) FROM scheduler.known_case WHERE NOT deleted"

        async def filled() -> bool:
            return bool(await connection.fetchval(replicas) == ["first", "second"])

        await until(filled, 30)
        await connection.execute("DELETE FROM scheduler.known_case")
        monkeypatch.setenv("ROUNDS_DATA_DIR", str(one.data_dir))
        done = await printed("outbox", "snapshot", "case.changed")
        assert done == [{"service": "catalog", "topic": "case.changed", "events": 2}]
        await until(filled, 30)

        async def nothing_waits() -> bool:
            found = await printed("outbox", "status")
            assert {row["service"] for row in found} == {"auth", "catalog", "scheduler", "executor", "notifier"}
            return all(row["waiting"] == 0 for row in found)

        await until(nothing_waits, 30)
        everything = await printed("outbox", "snapshot", "--data-dir", one.data_dir)
        assert {row["topic"]: row["events"] for row in everything} == {
            "user.changed": 1,
            "project.changed": 1,
            "environment.changed": 0,
            "module.changed": 1,
            "case.changed": 2,
        }
    finally:
        await connection.close()


async def test_a_replay_says_what_goes_out_again(platform: Platform) -> None:
    await saved(platform.admin, "/catalog/projects", {"name": "shop"})
    async with catalog.transaction() as session:
        marked = text("SELECT count(*) FILTER (WHERE published_at IS NULL) AS waiting, count(*) AS all FROM outbox")

        async def published() -> bool:
            return (await session.execute(marked)).one() == (0, 4)

        await until(published, 30)
    (done,) = await printed("outbox", "replay", "project.changed")
    assert done == {"service": "catalog", "topic": "project.changed", "rows": 4}
    later = await printed("outbox", "replay", "--since", "2999-01-01T00:00:00Z")
    assert [row["rows"] for row in later] == [0] * 5
    shown = await run_command("outbox", "replay", "--since", "2025-08-26")
    assert shown.code == 0, shown.err
    assert "catalog" in shown.out


async def test_a_service_whose_database_is_not_named_is_left_out_and_named(
    databases: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROUNDS_DATABASE_URL")
    own = {"ROUNDS_AUTH_DATABASE_URL": f"postgresql://auth@127.0.0.1:{postgres.port}/{databases}"}
    assert [row["service"] for row in await printed("outbox", "status", **own)] == ["auth"]
    done = await run_command("outbox", "snapshot", **own)
    assert done.code == 0, done.err
    assert "left out, for want of their databases' addresses: catalog" in done.err
    assert "user.changed" in done.out
    refused = await run_command("outbox", "snapshot", "case.changed", **own)
    assert refused.code == 2
    assert "ROUNDS_CATALOG_DATABASE_URL" in refused.err


async def test_what_cannot_be_done_is_an_error_that_says_why(
    tmp_path: Path, databases: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del databases
    unknown = await run_command("outbox", "snapshot", "run.completed")
    assert unknown.code == 2
    assert "there is no topic run.completed; known are user.changed, " in unknown.err
    monkeypatch.setenv("ROUNDS_DATABASE_URL", f"postgresql://{{service}}@127.0.0.1:{free_port()}/nothing")
    away = await run_command("dead-letter", "list")
    assert away.code == 2
    assert "Error:" in away.err
    assert "Traceback" not in away.err
    monkeypatch.delenv("ROUNDS_DATABASE_URL")
    nothing = await run_command("outbox", "status", "--data-dir", tmp_path / "empty")
    assert nothing.code == 2
    assert "no Rounds runs with the data in" in nothing.err
    assert not (tmp_path / "empty").exists()


async def test_a_snapshot_never_states_an_older_state_after_a_newer_one(platform: Platform) -> None:
    """Compacted topics keep the last event of a key, so who changes a row waits until its state is stated."""
    project = await saved(platform.admin, "/catalog/projects", {"name": "shop"})
    module = await saved(platform.admin, f"/catalog/projects/{project}/modules", {"name": "before"})
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE usename = 'catalog' AND wait_event_type = 'Lock'")
    async with catalog.transaction() as session:
        (state,), _ = await states.snapshot(session, ModuleChanged.topic, 0, 10)
        assert state.revision == 1
        change = asyncio.create_task(platform.admin.put(f"/catalog/modules/{module}", json={"name": "after"}))

        async def waits() -> bool:
            assert not change.done()
            async with catalog.transaction() as other:
                return bool((await other.execute(waiting)).scalar_one())

        await until(waits, 20)
    answer = await change
    assert answer.status_code == httpx.codes.OK, answer.text


def project_changed(value: bytes) -> Envelope:
    return Envelope(
        id=uuid7(),
        type="rounds.project.changed.v1",
        topic="project.changed",
        key="77",
        source="/rounds/catalog",
        subject="77",
        time=datetime.now(UTC),
        traceparent=None,
        value=value,
    )


async def test_a_dead_letter_is_shown_tried_again_and_handled_once_it_can_be(platform: Platform) -> None:
    del platform
    await consumer.handle(project_changed(b'{"id": "77"}'))
    (letter,) = await printed("dead-letter", "list", "scheduler")
    assert (letter["service"], letter["topic"], letter["key"], letter["tries"]) == (
        "scheduler",
        "project.changed",
        "77",
        1,
    )
    assert "ValidationError" in letter["reason"]

    failed = await run_command("dead-letter", "retry", "scheduler", letter["id"])
    assert failed.code == 2
    assert "1 of 1 were not handled" in failed.err
    assert [one["tries"] for one in await printed("dead-letter", "list")] == [2]

    sound = ProjectChanged.of_deleted(77, 3, name="gone").model_dump_json().encode()
    async with scheduler.transaction() as session:
        await session.execute(text("UPDATE dead_letter SET value = :value"), {"value": sound})
    (done,) = await printed("dead-letter", "retry", "scheduler", "--all")
    assert (done["id"], done["outcome"]) == (letter["id"], "handled")
    async with scheduler.transaction() as session:
        known = await session.execute(text("SELECT name, revision FROM known_project WHERE id = 77"))
        assert known.one() == ("gone", 3)
    assert await printed("dead-letter", "list") == []


async def test_dropping_all_dead_letters_must_be_meant(platform: Platform) -> None:
    del platform
    for _ in range(3):
        await consumer.handle(project_changed(b"no JSON"))
    first = (await printed("dead-letter", "list"))[0]["id"]
    assert await printed("dead-letter", "drop", "scheduler", first) == {"dropped": [first]}
    again = await run_command("dead-letter", "drop", "scheduler", first)
    assert again.code == 2
    assert f"scheduler has no dead letter {first}" in again.err

    refused = await run_command("dead-letter", "drop", "scheduler", "--all")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert len(await printed("dead-letter", "list", "scheduler")) == 2
    dropped = await run_command("dead-letter", "drop", "scheduler", "--all", "--yes")
    assert (dropped.code, dropped.out) == (0, "Dropped 2.\n")
    assert await printed("dead-letter", "list", "scheduler") == []


async def test_secrets_are_encrypted_anew_by_a_superuser(
    rounds: Rounds, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = await saved(platform.admin, "/catalog/projects", {"name": "shop"})
    environment = {"name": "qa", "base_urls": {}, "secrets": {"a": "value-a", "b": "value-b"}}
    await saved(platform.admin, f"/catalog/projects/{project}/environments", environment)
    channel = {"project_id": project, "name": "CI", "kind": "webhook", "url": "https://hooks.example.test/secret"}
    await saved(platform.admin, "/notifications/channels", channel)
    (old,) = keys_read()
    key = new_key()
    monkeypatch.setenv("ROUNDS_ENCRYPTION_KEYS", f"k2:{key},{ENCRYPTION_KEY}")
    settings.cache_clear()
    ended = await rounds("secrets", "rotate", "--output", "json")
    assert ended.code == 0, ended.err
    new = {"id": "k2", "fingerprint": hashlib.sha256(base64.b64decode(key)).hexdigest()[:8]}
    told = {"secrets": 2, "channels": 1, "before": [old.model_dump()], "now": [new]}
    assert (json.loads(ended.out), old.id) == (told, "k1")
    again = await rounds("secrets", "rotate")
    assert "0 secrets of environments, 0 channels" in again.out
    assert f"The key in force is k2 (fingerprint {new['fingerprint']}); no other was before." in again.out

    bob = await platform.user("bob")
    token = bob.headers["Authorization"].removeprefix("Token ")
    refused = await rounds("secrets", "rotate", "--token", token)
    assert refused.code == 2
    assert "permission_denied" in refused.err
