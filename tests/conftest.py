"""Real parts for every test: PostgreSQL, Kafka, a mail server, an HTTP target, started by the test run itself."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kit.settings import settings
from tests.support.kafka import shared_kafka
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
