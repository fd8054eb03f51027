"""The parts that a benchmark runs on: a durable PostgreSQL, Apache Kafka, processes of Rounds, nginx as the target."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from cli.services import load
from deploy.kafka.broker import Broker, free_port
from kit.migrate import create_roles_and_schemas, upgrade
from kit.settings import settings
from kit.topics import ensure_topics
from tests.support.kafka import own_kafka
from tests.support.postgres import OwnPostgres, own_postgres
from tests.support.processes import Process, running

ADMIN_PASSWORD = "admin-of-benches-1"  # noqa: S105 (protects nothing)
ROUNDS = str(Path(sys.executable).with_name("rounds"))
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000; default_type application/json;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = /large.json {{ root {folder}; }}
        location / {{ return 200 '{{"status": "paid", "next": "7", "items": [{{"sku": "A-1"}}, {{"sku": "B-2"}}]}}'; }}
    }}
}}
"""


@dataclass
class Stores:
    """Where Rounds keeps and tells things."""

    folder: Path
    postgres: OwnPostgres
    broker: Broker | None

    @asynccontextmanager
    async def connection(self, schema: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """A superuser's connection that sees one service's schema."""
        connection = await asyncpg.connect(
            self.postgres.url(), server_settings={"search_path": schema}, command_timeout=900
        )
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def stores(folder: Path, *, kafka: bool) -> AsyncIterator[Stores]:
    """Start the stores and bring every schema to head. This process's own `ROUNDS_…` settings name them."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(own_postgres(folder))
        broker = await stack.enter_async_context(own_kafka(folder)) if kafka else None
        os.environ |= {
            "ROUNDS_DATABASE_URL": f"postgresql://{{service}}@127.0.0.1:{postgres.port}/postgres",
            "ROUNDS_DATA_DIR": str(folder / "data"),
            "ROUNDS_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "ROUNDS_TIMEZONE": "UTC",
            "ROUNDS_SERVICE_TOKEN": "service-token-of-benches",
            "ROUNDS_ENCRYPTION_KEYS": "k1:" + "A" * 43 + "=",
            "ROUNDS_EXECUTOR_EGRESS_ALLOW": "127.0.0.0/8",
            "ROUNDS_LOG_LEVEL": "WARNING",
        }
        if broker is not None:
            os.environ["ROUNDS_KAFKA_BOOTSTRAP_SERVERS"] = broker.bootstrap
        else:
            os.environ.pop("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", None)
        settings.cache_clear()
        await create_roles_and_schemas(postgres.url())
        for service in load():
            await upgrade(service.database, service.migrations)
        if broker is not None:
            await ensure_topics()
        yield Stores(folder, postgres, broker)


@asynccontextmanager
async def serving(
    parts: Stores, name: str, services: list[str], env: Mapping[str, str] | None = None, port: int = 0
) -> AsyncIterator[tuple[Process, str]]:
    """A process of Rounds on the stores, ready; gives the process and its address."""
    port = port or free_port()
    url, log = f"http://127.0.0.1:{port}", parts.folder / f"{name}.log"
    command = [ROUNDS, "serve", *services, "--port", str(port)]
    async with running(command, log, env, f"{url}/readyz") as process:
        yield process, url


@asynccontextmanager
async def nginx(folder: Path) -> AsyncIterator[str]:
    """A local nginx that answers every GET with the same small JSON; gives its address."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise RuntimeError("nginx is missing: deploy/require.sh nginx")
    port, url = free_port(), ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    url = f"http://127.0.0.1:{port}"
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    async with running(command, folder / "nginx.log", url=url):
        yield url


@asynccontextmanager
async def log_in(url: str, username: str = "admin", password: str = ADMIN_PASSWORD) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a user, by default the first superuser."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        answer = await client.post("/user/login", json={"username": username, "password": password})
        client.headers["Authorization"] = f"Token {answer.raise_for_status().json()['token']}"
        yield client


async def output_of(command: list[str], cwd: Path, limit_seconds: float, env: Mapping[str, str] | None = None) -> str:
    """What a program writes to standard output.

    Raises: RuntimeError with the end of what it wrote when it fails, is not there, or takes too long.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise RuntimeError(str(error)) from error
    try:
        out, err = await asyncio.wait_for(process.communicate(), limit_seconds)
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise RuntimeError(f"not done within {limit_seconds:.0f} s") from error
    if process.returncode:
        text = (err or out).decode(errors="replace").strip()
        raise RuntimeError(f"exit code {process.returncode}: {text[-300:]}")
    return out.decode(errors="replace")
