"""MariaDB for tests, Debian's own, with TLS.

with shared_mariadb(root) as server:          # once per session, started for the first test that asks
    server.url()                              # mysql://rounds:…@127.0.0.1:…/shop
    server.ca                                 # PEM of the authority that signed its certificate
"""

import getpass
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.shared import shared_server

SETUP = """
SET NAMES utf8mb4;
CREATE DATABASE shop CHARACTER SET utf8mb4;
CREATE USER 'rounds'@'%' IDENTIFIED BY 'pa:ss/word';
GRANT ALL ON shop.* TO 'rounds'@'%';
CREATE TABLE shop.item (id int PRIMARY KEY, name varchar(50), price decimal(8, 2));
INSERT INTO shop.item VALUES (1, 'Tee', 9.50), (2, 'Käse', 20);
"""
PATHS = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"


@dataclass(frozen=True)
class MariaDb:
    """A server on 127.0.0.1 with a database `shop`, in which the user `rounds` may do everything."""

    port: int
    ca: str

    def url(self, query: str = "", *, user: str = "rounds", host: str = "127.0.0.1") -> str:
        """Name the database as a case's environment does."""
        return f"mysql://{user}:pa%3Ass%2Fword@{host}:{self.port}/shop{query}"


@contextmanager
def shared_mariadb(root: Path) -> Iterator[MariaDb]:
    """Give the session's server, starting it for the first worker that asks."""
    ca = root / "ca.pem"
    with shared_server(root, "mariadb", lambda data, port: _command(data, port, ca)) as port:
        yield MariaDb(port, ca.read_text())


def _command(data: Path, port: int, ca: Path) -> list[str]:
    """A shell that makes the data folder and becomes the server."""
    authority, folder = Authority(), data.parent
    ca.write_text(authority.pem)
    certificate, key = authority.issue("localhost").files(folder)
    setup = folder / "setup.sql"
    setup.write_text(SETUP)
    server = shutil.which("mariadbd", path=PATHS)
    maker = shutil.which("mariadb-install-db", path=PATHS)
    assert server, "MariaDB is not installed: bash deploy/require.sh mariadb-server"
    user = getpass.getuser()
    make = (
        f"{maker} --no-defaults --user={user} --datadir={data} --auth-root-authentication-method=normal --skip-test-db"
    )
    serve = (
        f"{server} --no-defaults --user={user} --datadir={data} --port={port} --bind-address=127.0.0.1"
        f" --socket={folder}/socket --pid-file={folder}/pid --init-file={setup} --skip-name-resolve"
        f" --ssl-cert={certificate} --ssl-key={key} --innodb-flush-log-at-trx-commit=0"
    )
    return ["sh", "-c", f"{make} >/dev/null && exec {serve}"]
