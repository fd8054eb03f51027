"""Real parts for every test: PostgreSQL, Kafka, a mail server, an HTTP target, started by the test run itself."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from kit.settings import SERVICES, settings
from tests.support.kafka import shared_kafka
from tests.support.mariadb import MariaDb, shared_mariadb
from tests.support.platform import Platform, make_template, point_services_at, running_platform
from tests.support.postgres import Postgres, shared_postgres
from tests.support.smtp import SmtpServer, smtp_server
from tests.support.target import Target, http_target

ENCRYPTION_KEY = "k1:" + "A" * 43 + "="


@pytest.fixture(scope="session")
def session_root(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """Name of the xdist worker, `master` without xdist."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", "master"))


@pytest.fixture(scope="session")
def postgres(session_root: Path) -> Iterator[Postgres]:
    """The session's PostgreSQL."""
    with shared_postgres(session_root / "postgres") as server:
        yield server


@pytest.fixture(scope="session")
def kafka(session_root: Path) -> Iterator[str]:
    """The bootstrap address of the session's Apache Kafka."""
    with shared_kafka(session_root / "kafka") as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def mariadb(session_root: Path) -> Iterator[MariaDb]:
    """The session's MariaDB."""
    with shared_mariadb(session_root / "mariadb") as server:
        yield server


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpServer]:
    """A mail server that keeps what it accepts."""
    async with smtp_server() as server:
        yield server


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    """An HTTP server to run cases against."""
    async with http_target() as server:
        yield server


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Settings that no test inherits from the machine it runs on."""
    monkeypatch.setenv("ROUNDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ROUNDS_TIMEZONE", "Asia/Shanghai")
    monkeypatch.setenv("ROUNDS_SERVICE_TOKEN", "service-token-of-tests")
    monkeypatch.setenv("ROUNDS_ENCRYPTION_KEYS", ENCRYPTION_KEY)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture(scope="session")
def cloned() -> list[str]:
    """Databases that this worker has cloned from the template: one, made by the first test that asks."""
    return []


@pytest.fixture
async def databases(
    postgres: Postgres, session_root: Path, worker_id: str, cloned: list[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """A database with all five schemas at head, empty before and after the test; answers its name."""
    name = f"rounds_{worker_id}"
    if not cloned:
        made = session_root / "template.made"
        with FileLock(session_root / "template.lock"):
            if not made.exists():
                await make_template(postgres, "rounds_template", monkeypatch)
                made.touch()
            await postgres.create_database_from_template(name, "rounds_template")
        cloned.append(name)
    point_services_at(postgres, name, monkeypatch)
    yield name
    await postgres.execute(EMPTY, name)


@pytest.fixture
async def platform(databases: str, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    """All five services in this process, mailing to `smtp`, allowed to call this machine."""
    del databases
    monkeypatch.setenv("ROUNDS_SMTP_URL", smtp.url)
    monkeypatch.setenv("ROUNDS_EXECUTOR_EGRESS_ALLOW", "127.0.0.0/8,::1/128")
    async with running_platform(monkeypatch) as running:
        yield running


EMPTY = f"""
SET session_replication_role = replica;
DO $$
DECLARE name text;
BEGIN
    FOR name IN
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY('{{{",".join(SERVICES)}}}') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
              AND c.relname NOT IN ('alembic_version', 'clock_offset')
    LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
END $$;
""" + "".join(f"UPDATE {service}.clock_offset SET value = '0';\n" for service in SERVICES)
