"""`rounds up`: the whole platform in this process, beside a PostgreSQL of its own."""

import asyncio
import os
import socket
import time
import webbrowser
from pathlib import Path

from cli import console, docs, postgres
from cli.data_dir import AlreadyRunning as AlreadyRunning
from cli.data_dir import load_secrets, locked, settings_shown
from cli.postgres import PostgresFailed as PostgresFailed
from cli.server import bind, serve, stop_event
from cli.services import load
from kit.migrate import create_roles_and_schemas, upgrade
from kit.service import create_app
from kit.settings import SERVICES, settings
from kit.telemetry import configure_logging

LOOPBACK = "127.0.0.0/8,::1/128"
EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 (compared, not bound)


def up(host: str, port: int, data_dir: Path, *, open_browser: bool, since: float) -> None:
    """Run until SIGINT or SIGTERM. `since`: the monotonic time at which the command was given.

    Raises: AlreadyRunning, OSError (the port is taken), PostgresFailed.
    """
    with locked(data_dir), bind(host, port) as listener:
        asyncio.run(_run(host, listener, data_dir.resolve(), open_browser=open_browser, since=since))


async def _run(host: str, listener: socket.socket, data_dir: Path, *, open_browser: bool, since: float) -> None:
    stop = stop_event()
    secrets = load_secrets(data_dir)
    loading = asyncio.create_task(asyncio.to_thread(load))  # while PostgreSQL starts
    async with postgres.running(
        data_dir / "postgres", secrets["POSTGRES_PASSWORD"], data_dir / "postgres.log"
    ) as database_port:
        server = f"127.0.0.1:{database_port}/postgres"
        made = _set_environment(host, listener.getsockname()[1], data_dir, server, secrets)
        configure_logging()
        await create_roles_and_schemas(f"postgresql://postgres:{secrets['POSTGRES_PASSWORD']}@{server}")
        services = await loading
        for service in services:
            await upgrade(service.database, service.migrations)

        def ready() -> None:
            _greet(data_dir, time.monotonic() - since)
            if open_browser:
                webbrowser.open(settings().public_url)

        app = create_app(services)
        app.include_router(docs.parts(services))
        app.include_router(console.router)
        app.include_router(docs.router)
        with settings_shown(data_dir, made):
            await serve(app, listener, stop, ready)


def _set_environment(host: str, port: int, data_dir: Path, server: str, secrets: dict[str, str]) -> dict[str, str]:
    """Settle what one process settles by itself, and answer it; the rest is as the environment says."""
    reached = "127.0.0.1" if host in EVERY_ADDRESS else f"[{host}]" if ":" in host else host
    address = f"http://{reached}:{port}"
    os.environ.pop("ROUNDS_KAFKA_BOOTSTRAP_SERVERS", None)
    made = {"ROUNDS_HTTP_HOST": host, "ROUNDS_HTTP_PORT": str(port), "ROUNDS_DATA_DIR": str(data_dir)}
    for name in SERVICES:
        password = secrets[f"{name.upper()}_DATABASE_PASSWORD"]
        made[f"ROUNDS_{name.upper()}_DATABASE_URL"] = f"postgresql://{name}:{password}@{server}"
        made[f"ROUNDS_{name.upper()}_URL"] = address
    defaults = {
        "OTEL_SERVICE_NAME": "rounds",
        "ROUNDS_PUBLIC_URL": address,
        "ROUNDS_SERVICE_TOKEN": secrets["ROUNDS_SERVICE_TOKEN"],
        "ROUNDS_ENCRYPTION_KEYS": secrets["ROUNDS_ENCRYPTION_KEYS"],
        # The cases of the machine's owner may call the machine itself.
        "ROUNDS_EXECUTOR_EGRESS_ALLOW": LOOPBACK,
        "ROUNDS_DEMO": "1",
        "ROUNDS_LOG_FORMAT": "text",
    }
    made |= {variable: os.environ.get(variable, value) for variable, value in defaults.items()}
    os.environ |= made
    settings.cache_clear()
    return made


def _greet(data_dir: Path, seconds: float) -> None:
    mail = "to the server in ROUNDS_SMTP_URL" if settings().smtp_url else f"written to {data_dir}/mail"
    print(
        f"Rounds is ready at {settings().public_url}/console/ after {seconds:.1f} s",
        f"  data in {data_dir}, mail {mail}, time zone {settings().timezone}",
        "  see it work: rounds demo     stop: Ctrl-C",
        sep="\n",
        flush=True,
    )
