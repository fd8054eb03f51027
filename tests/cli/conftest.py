"""The real command, run as a process."""

import asyncio
import json
import os
import re
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.platform import ADMIN_PASSWORD, Platform
from tests.support.processes import Process
from tests.support.wait import until

ROUNDS = str(Path(sys.executable).with_name("rounds"))
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Ended:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Rounds = Callable[..., Coroutine[Any, Any, Ended]]


async def run_command(*arguments: object, stdin: str = "", **env: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        ROUNDS,
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LANG": "C.UTF-8", "TERMINAL_WIDTH": "200", **env},
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), TIMEOUT_SECONDS)
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


@dataclass(frozen=True)
class LogIns:
    """The file in which the command keeps log-ins."""

    path: Path

    def read(self) -> dict[str, Any]:
        """Log-ins by address; none when there is no file."""
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def mode(self) -> int:
        """Who may read it."""
        return stat.S_IMODE(self.path.stat().st_mode)


@pytest.fixture
def log_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LogIns:
    """Log-ins of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return LogIns(tmp_path / "config" / "rounds" / "token.json")


@pytest.fixture
async def rounds(platform: Platform, log_ins: LogIns, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    """The command, logged in as the first superuser of a running platform."""
    monkeypatch.setenv("ROUNDS_URL", platform.url)
    assert log_ins.read() == {}
    logged_in = await run_command("login", "admin", "--password", ADMIN_PASSWORD)
    assert logged_in.code == 0, logged_in.err
    return run_command


class Up(Process):
    """A `rounds up` of a test."""

    def __init__(self, folder: Path, log_name: str = "up") -> None:
        self.data_dir = folder / "data"
        command = [ROUNDS, "up", "--port", "0", "--data-dir", str(self.data_dir)]
        super().__init__(command, folder / f"{log_name}.log", {"ROUNDS_ADMIN_PASSWORD": ""})
        del self.env["ROUNDS_ADMIN_PASSWORD"]
        self.url = ""
        self.password: str | None = None

    async def begin(self) -> None:
        """Start, wait until it is ready, and read what it printed."""
        self.start()

        def printed() -> list[str]:
            assert self.returncode() is None, self.log()
            return re.findall(r"ready at (http://[\d.:]+)/console/ after [\d.]+ s", self.log())

        (self.url,) = await until(printed, 60)
        made = re.search(r"admin with (\S+) \(shown this once", self.log())
        self.password = made.group(1) if made else None

    def postgres_pid(self) -> int:
        return int((self.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture
async def up() -> AsyncIterator[Callable[[str], Up]]:
    """Makes `rounds up` processes on one data folder; whatever of them is left is killed in the end.

    The folder is none of pytest's: root's PostgreSQL is another user, and each pytest closes its folders to others.
    """
    made: list[Up] = []
    with tempfile.TemporaryDirectory(prefix="rounds-up-", ignore_cleanup_errors=True) as folder:

        def make(log_name: str) -> Up:
            made.append(Up(Path(folder), log_name))
            return made[-1]

        yield make
        for one in made:
            await one.kill()


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@asynccontextmanager
async def admin_of(up: Up, password: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the first superuser."""
    async with httpx.AsyncClient(base_url=up.url, timeout=30) as client:
        answer = await client.post("/user/login", json={"username": "admin", "password": password})
        assert answer.status_code == httpx.codes.OK, answer.text
        client.headers["Authorization"] = f"Token {answer.json()['token']}"
        yield client
