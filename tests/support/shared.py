"""One server for all worker processes of a test session, gone when the last of them is gone, however it went.

A guardian process starts the server and reads a FIFO that every user holds open; end of file means that nobody is
left. So a killed worker needs no tidying, and the worker that came first may leave first.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from deploy.kafka.broker import free_port

GUARDIANS: "list[subprocess.Popen[bytes]]" = []
"""Held as long as this process lives: they outlive it, and a Popen let go of while its process runs is a warning."""
STOP_SIGNALS = {"postgres": signal.SIGINT, "kafka": signal.SIGTERM}


@contextmanager
def shared_server(
    root: Path, name: str, command: Callable[[Path, int], Sequence[str]], wait_ready: Callable[[int, Path], None]
) -> Iterator[int]:
    """Start server `name` unless another worker has, and give its port.

    `root` is a folder that all workers of the session see.
    `command(data_dir, port)` is the command line; `wait_ready(port, log_path)` returns when the server serves.
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
            guardian = subprocess.Popen(
                [sys.executable, "-m", "tests.support.shared", name, str(folder), *command(folder / "data", port)],
                start_new_session=True,
                cwd=Path(__file__).parents[2],
            )
            GUARDIANS.append(guardian)
            wait_ready(port, folder / "log")
            record.write_text(json.dumps([port, fifo]))
    try:
        yield port
    finally:
        os.close(lifeline)


def guard(name: str, folder: Path, command: Sequence[str]) -> None:
    """Run the command until nobody holds the FIFO, stop it, delete its folder."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    with (folder / "users").open("rb") as users:
        users.read()
    server.send_signal(STOP_SIGNALS[name])
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    guard(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
