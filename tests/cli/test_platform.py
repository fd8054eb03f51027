"""`rounds migrate`, `rounds serve`, `rounds config`: what operators run."""

import asyncio
import json
import signal
from pathlib import Path

import httpx
import pytest

from cli.postgres import free_port
from kit.migrate import upgrade
from kit.settings import settings
from services.auth.main import service as auth_service
from tests.cli.conftest import ROUNDS, run_command
from tests.support.postgres import Postgres
from tests.support.processes import running

SECRET = "p4ss-that-nobody-sees"


@pytest.fixture
async def empty(postgres: Postgres, worker_id: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, named by the settings."""
    name = f"cli_{worker_id}"
    await postgres.drop_database(name)
    await postgres.execute(f'CREATE DATABASE "{name}"')
    monkeypatch.setenv("ROUNDS_DATABASE_URL", f"postgresql://{{service}}@127.0.0.1:{postgres.port}/{name}")
    monkeypatch.setenv("ROUNDS_ADMIN_DATABASE_URL", postgres.url(name))
    settings.cache_clear()
    return name


async def test_migrate_makes_every_schema_tells_so_and_may_be_repeated(empty: str) -> None:
    del empty
    first = await run_command("migrate")
    assert first.code == 0, first.err
    for service in ("auth", "catalog", "scheduler", "executor", "notifier"):
        assert f"{service}: migrated" in first.out
    again = await run_command("migrate")
    assert again.code == 0, again.err
    assert again.out.count("up to date") == 5


async def test_migrations_at_the_same_time_do_not_hinder_each_other(empty: str) -> None:
    del empty
    ended = await asyncio.gather(*(run_command("migrate") for _ in range(2)))
    assert [one.code for one in ended] == [0, 0], [one.err for one in ended]
    assert sum(one.out.count(": migrated") for one in ended) >= 5


async def test_migrate_takes_the_services_that_are_named(empty: str) -> None:
    del empty
    ended = await run_command("migrate", "scheduler")
    assert ended.code == 0, ended.err
    assert "scheduler: migrated" in ended.out
    assert "auth" not in ended.out


async def test_migrate_says_what_is_out_of_reach() -> None:
    url = f"postgresql://nobody:{SECRET}@127.0.0.1:{free_port()}/nothing"
    ended = await run_command("migrate", ROUNDS_DATABASE_URL=url)
    assert ended.code == 2
    assert "Error:" in ended.err
    assert "Traceback" not in ended.err
    assert SECRET not in ended.err


async def test_a_service_is_served_alone_over_kafka_and_ends_in_order(
    postgres: Postgres, empty: str, kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("ROUNDS_KAFKA_PREFIX", f"{empty}.")
    migrated = await run_command("migrate")
    assert migrated.code == 0, migrated.err
    assert "topics: made" in migrated.out
    # A newer version has migrated the schema meanwhile: this one goes on, and starts anew where it must.
    await postgres.execute("UPDATE auth.alembic_version SET version_num = 'newer'", empty)
    again = await run_command("migrate")
    assert (again.code, "auth: up to date" in again.out) == (0, True), again.err
    await upgrade(auth_service.database, auth_service.migrations)

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [ROUNDS, "serve", "auth", "--port", str(port)]
    async with running(command, tmp_path / "auth.log", url=f"{url}/readyz") as auth:
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/user/platform")).status_code == httpx.codes.OK
            assert (await client.get("/scheduler/tasks")).status_code == httpx.codes.NOT_FOUND
        assert f"serving auth at {url}" in auth.log()
        assert await auth.stop(signal.SIGTERM, grace=30) == 0


async def test_the_console_needs_neither_database_nor_kafka(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [ROUNDS, "serve", "console", "--port", str(port)]
    async with running(command, tmp_path / "console.log", url=f"{url}/readyz") as console:
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/")).headers["location"] == "/console/"
            page = await client.get("/console/runs/1")
            assert (await client.head("/console/runs/1")).status_code == page.status_code
            missing = await client.get("/console/assets/of-an-older-build.js")
            assert (missing.status_code, missing.text) == (httpx.codes.NOT_FOUND, "404\n")
        assert await console.stop() == 0


async def test_some_services_without_kafka_are_refused(empty: str) -> None:
    del empty
    ended = await run_command("serve", "auth", "--port", 0)
    assert ended.code == 2
    assert "ROUNDS_KAFKA_BOOTSTRAP_SERVERS" in ended.err


async def test_config_shows_each_setting_with_its_source_and_no_secret() -> None:
    secrets = {
        "ROUNDS_DATABASE_URL": f"postgresql://u:{SECRET}@db/rounds",
        "ROUNDS_AUTH_DATABASE_URL": f"postgresql://auth:{SECRET}@db/rounds",
        "ROUNDS_SMTP_URL": f"smtp://u:{SECRET}@mail",
        "ROUNDS_ADMIN_PASSWORD": SECRET,
    }
    shown = await run_command("config", "--output", "json", ROUNDS_HTTP_PORT="8123", **secrets)
    assert shown.code == 0, shown.err
    found = {one["name"]: (one["value"], one["source"]) for one in json.loads(shown.out)}
    assert found["ROUNDS_HTTP_PORT"] == ("8123", "environment")
    assert found["ROUNDS_GRACE_SECONDS"] == ("20.0", "default")
    assert found["ROUNDS_EXECUTOR_CONCURRENCY"] == ("100", "default")
    assert [found[name] for name in secrets] == [("***", "environment")] * len(secrets)
    table = await run_command("config", **secrets)
    assert "ROUNDS_HTTP_PORT" in table.out
    assert SECRET not in table.out + shown.out
    assert "service-token-of-tests" not in table.out + shown.out


async def test_config_check_names_what_is_wrong_without_the_value() -> None:
    wrong = await run_command("config", "check", ROUNDS_SMTP_URL=SECRET, ROUNDS_HTTP_PORT="many", ROUNDS_TYPO="1")
    assert wrong.code == 2
    assert "ROUNDS_HTTP_PORT: " in wrong.err
    assert "ROUNDS_TYPO is no setting" in wrong.err
    assert SECRET not in wrong.err
    missing = await run_command("config", "check", ROUNDS_ENCRYPTION_KEYS=f"k1:{SECRET}")
    assert missing.code == 2
    assert "ROUNDS_ENCRYPTION_KEYS" in missing.err
    assert "ROUNDS_DATABASE_URL" in missing.err
    assert SECRET not in missing.err
    sound = await run_command("config", "check", ROUNDS_DATABASE_URL="postgresql://{service}@db/rounds")
    assert (sound.code, sound.err) == (0, "")
