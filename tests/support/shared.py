"""One server for all worker processes of a test session, gone when the last of them is gone, however it went.

A guardian process starts the server and reads a FIFO that every user holds open; end of file means that nobody is
left. So a killed worker needs no tidying, and the worker that came first may leave first.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from deploy.kafka.broker import free_port

STOP_SIGNALS = {"postgres": signal.SIGINT, "kafka": signal.SIGTERM, "mariadb": signal.SIGTERM}
READY_LINES = {
    "postgres": "database system is ready to accept connections",
    "kafka": "Kafka Server started",
    "mariadb": "mariadbd: ready for connections",
}
START_TIMEOUT_SECONDS = 90
GUARDIANS: list[subprocess.Popen[bytes]] = []
"""Kept so that Python does not warn of a process that outlives its object: it is meant to."""


@contextmanager
def shared_server(root: Path, name: str, command: Callable[[Path, int], Sequence[str]]) -> Iterator[int]:
    """Start server `name` unless another worker has, and give its port.

    `root` is a folder that all workers of the session see; `command(data_dir, port)` is the command line.
    """
    root.mkdir(parents=True, exist_ok=True)
    record = root / f"{name}.json"
    with FileLock(root / f"{name}.lock"):
        if record.exists():
            port, fifo = json.loads(record.read_text())
            lifeline = os.open(fifo, os.O_RDWR)
        else:
            folder = Path(tempfile.mkdtemp(prefix=f"rounds-{name}-"))
            fifo = str(folder / "users")
            os.mkfifo(fifo)
            lifeline = os.open(fifo, os.O_RDWR)
            port = free_port()
            start(name, folder, command(folder / "data", port))
            record.write_text(json.dumps([port, fifo]))
    try:
        yield port
    finally:
        os.close(lifeline)


def start(name: str, folder: Path, command: Sequence[str]) -> None:
    """Start the guardian and wait until its server serves."""
    guardian = subprocess.Popen(
        [sys.executable, "-m", "tests.support.shared", name, str(folder), *command],
        start_new_session=True,
        cwd=Path(__file__).parents[2],
    )
    GUARDIANS.append(guardian)
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    log = folder / "log"
    while READY_LINES[name] not in (text := log.read_text(errors="replace") if log.exists() else ""):
        assert guardian.poll() is None, f"{name} ended, its log in {folder} ends with\n{text[-3000:]}"
        assert time.monotonic() < deadline, f"{name} is not ready, its log in {folder} ends with\n{text[-3000:]}"
        time.sleep(0.02)


def guard(name: str, folder: Path, command: Sequence[str]) -> None:
    """Run the command until nobody holds the FIFO, stop it, delete its folder. If it ends before, so does this."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    with (folder / "users").open("rb") as users:
        while not select.select([users], [], [], 0.2)[0]:  # nobody writes: readable means end of file
            if server.poll() is not None:
                sys.exit(f"the {name} of this test session ended with code {server.returncode}, see {folder}/log")
    server.send_signal(STOP_SIGNALS[name])
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    guard(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
