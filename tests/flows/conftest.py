"""Rounds as a user starts it: `rounds up`, or the many processes of `make up`."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from deploy.kafka.broker import free_port
from tests.flows.story import ADMIN_PASSWORD
from tests.support.processes import Process
from tests.support.smtp import SmtpServer

ROUNDS = str(Path(sys.executable).with_name("rounds"))
START_SECONDS = 120


@dataclass
class Rounds:
    """A running Rounds and the process that holds it."""

    url: str
    process: Process
    data_dir: Path

    @asynccontextmanager
    async def database(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection to its PostgreSQL that may do everything."""
        kept = dict(line.split("=", 1) for line in (self.data_dir / "secrets.env").read_text().splitlines())
        port = (self.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[3]
        url = f"postgresql://postgres:{kept['POSTGRES_PASSWORD']}@127.0.0.1:{port}/postgres"
        connection = await asyncpg.connect(url)
        try:
            yield connection
        finally:
            await connection.close()

    @property
    def public_url(self) -> str:
        """Where links in mails point to."""
        return self.url


@asynccontextmanager
async def running_rounds(
    mode: str, folder: Path, smtp: SmtpServer, env: Mapping[str, str] | None = None, *arguments: str
) -> AsyncIterator[Rounds]:
    """Start Rounds as one process or as many, and stop it in order: nothing may be left behind."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [ROUNDS, "up"] if mode == "one" else [sys.executable, "-m", "deploy.up"]
    variables = {
        "ROUNDS_HTTP_PORT": str(port),
        "ROUNDS_DATA_DIR": str(folder / "data"),
        "ROUNDS_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "ROUNDS_SMTP_URL": smtp.url,
        "ROUNDS_PUBLIC_URL": url,
        "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1",  # the broker of a test ends before the best code is made
        **(env or {}),
    }
    process = Process([*command, *arguments], folder / "rounds.log", variables)
    process.start()
    try:
        await process.ready(f"{url}/user/platform", START_SECONDS)
        yield Rounds(url, process, folder / "data")
        if process.returncode() is None:
            await process.stop(grace=60)
    finally:
        await process.kill()


@pytest.fixture(params=["one", "many"])
def mode(request: pytest.FixtureRequest) -> str:
    """`one`: `rounds up`; `many`: five processes, Kafka, PostgreSQL, nginx."""
    return str(request.param)


@pytest.fixture
async def rounds(mode: str, tmp_path: Path, smtp: SmtpServer) -> AsyncIterator[Rounds]:
    """A fresh Rounds, in both ways to run."""
    async with running_rounds(mode, tmp_path, smtp) as running:
        yield running
