"""What the platform keeps in its data folder for itself: a lock, and the secrets that it made."""

import base64
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.settings import SERVICES


class AlreadyRunning(Exception):
    """Another process works with the data in this folder."""


class NotRunning(Exception):
    """No process works with the data in this folder."""


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the folder for this process; the kernel lets go of it however the process ends.

    Raises: AlreadyRunning.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(f"already running, pid {lock.read().strip()}, with the data in {data_dir}") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def load_secrets(data_dir: Path, *, admin_password: bool = False) -> dict[str, str]:
    """Secrets of this installation, made once and kept in `secrets.env`; the environment's own come before them.

    With `admin_password` a new installation has one of those too.
    """
    path = data_dir / "secrets.env"
    stored = dict(line.split("=", 1) for line in path.read_text().splitlines()) if path.exists() else {}
    made = {
        "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        **{f"{name.upper()}_DATABASE_PASSWORD": secrets.token_urlsafe(24) for name in SERVICES},
        "ROUNDS_SERVICE_TOKEN": secrets.token_urlsafe(32),
        "ROUNDS_ENCRYPTION_KEYS": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    if admin_password and not stored:
        made["ROUNDS_ADMIN_PASSWORD"] = secrets.token_urlsafe(12)
    kept = made | stored
    if kept != stored:
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text("".join(f"{name}={value}\n" for name, value in kept.items()))
        new.rename(path)
    return {name: os.environ.get(name, value) for name, value in kept.items()}


def use_databases(data_dir: Path) -> None:
    """Let this process find the databases of what runs on the folder, unless the environment names databases.

    Raises: NotRunning, OSError (another user's folder).
    """
    if any(name.startswith("ROUNDS_") and name.endswith("DATABASE_URL") for name in os.environ):
        return
    process = data_dir / "postgres" / "postmaster.pid"
    if not process.exists() or not (data_dir / "secrets.env").exists():
        raise NotRunning(f"no Rounds runs with the data in {data_dir}: give --data-dir, or set ROUNDS_DATABASE_URL")
    port = process.read_text().splitlines()[3]
    kept = load_secrets(data_dir)
    for name in SERVICES:
        password = kept[f"{name.upper()}_DATABASE_PASSWORD"]
        os.environ[f"ROUNDS_{name.upper()}_DATABASE_URL"] = f"postgresql://{name}:{password}@127.0.0.1:{port}/postgres"
