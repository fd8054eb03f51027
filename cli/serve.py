"""`rounds serve`: some of the services in this process, speaking to the others over Kafka."""

import asyncio
import os
import socket
from collections.abc import Collection

from fastapi import FastAPI

from cli import console, docs
from cli.server import bind, serve, stop_event
from cli.services import load
from kit.service import create_app
from kit.settings import settings
from kit.telemetry import configure_logging


def run(names: Collection[str], host: str, port: int, fd: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM. `console` among the names serves the web page's files.

    `fd`: a socket that whoever started this process holds open, instead of an address.

    Raises: RuntimeError (a setting is missing), OSError (the port is taken).
    """
    os.environ |= {"ROUNDS_HTTP_HOST": host, "ROUNDS_HTTP_PORT": str(port)}
    os.environ.setdefault("OTEL_SERVICE_NAME", f"rounds-{'-'.join(names)}")
    services = load(names)
    for service in services:
        settings().database_url_of(service.name)
    app = create_app(services)
    app.include_router(docs.parts(services))
    if "console" in names:
        app.include_router(console.router)
        app.include_router(docs.router)
    configure_logging()
    with bind(host, port) if fd is None else socket.socket(fileno=fd) as listener:
        asyncio.run(_run(app, listener, f"{', '.join(names)} at http://{host}:{listener.getsockname()[1]}"))


async def _run(app: FastAPI, listener: socket.socket, what: str) -> None:
    await serve(app, listener, stop_event(), lambda: print(f"serving {what}", flush=True))
