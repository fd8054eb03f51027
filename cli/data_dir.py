"""What the platform keeps in its data folder for itself: a lock, secrets that it made, settings it runs with."""

import base64
import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kit.settings import SERVICES

RUNNING = "running.env"
"""The settings of the process that runs on the folder; gone when it ends."""


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
    stored = _read(path) if path.exists() else {}
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
        write_private(path, kept)
    return {name: os.environ.get(name, value) for name, value in kept.items()}


@contextmanager
def settings_shown(data_dir: Path, made: Mapping[str, str]) -> Iterator[None]:
    """Show in the folder, to its owner alone, the settings that the process runs with: those it made come first."""
    path = data_dir / RUNNING
    write_private(path, {name: os.environ[name] for name in os.environ if name.startswith("ROUNDS_")} | dict(made))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def settings_of(data_dir: Path) -> dict[str, str]:
    """The settings of the `rounds up` or `make up` that runs on the folder.

    Raises: NotRunning, OSError (another user's folder).
    """
    path = data_dir / RUNNING
    if not path.exists() or not _is_locked(data_dir):
        raise NotRunning(f"no Rounds runs with the data in {data_dir}: give --data-dir, or set ROUNDS_DATABASE_URL")
    return _read(path)


def use_settings(data_dir: Path) -> list[str]:
    """Let this process have the settings of what runs on the folder, unless the environment names databases.

    The environment's own come before them. Answers the names of those taken.

    Raises: NotRunning, OSError (another user's folder).
    """
    if any(name.startswith("ROUNDS_") and name.endswith("DATABASE_URL") for name in os.environ):
        return []
    taken = {name: value for name, value in settings_of(data_dir).items() if name not in os.environ}
    os.environ |= taken
    return list(taken)


def write_private(path: Path, values: Mapping[str, str]) -> None:
    """Put `NAME=value` lines into a file that only its owner may read, all at once."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    new.rename(path)


def _read(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def _is_locked(data_dir: Path) -> bool:
    with (data_dir / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
