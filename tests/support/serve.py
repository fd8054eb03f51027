"""An application on a real socket of this process.

async with serving(app) as url: …        # http://127.0.0.1:…; the application's lifespan is run
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from tests.support.wait import until


@asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket | None = None) -> AsyncIterator[str]:
    """Serve an application on a free port of 127.0.0.1, or on a socket that is bound already."""
    if listener is None:
        listener = bound_socket()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        proxy_headers=False,  # as in production: whom to believe is `ROUNDS_TRUSTED_PROXIES`' to say
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listener]))  # without uvicorn's own signal handlers

    def started() -> bool:
        if task.done():
            task.result()
        return server.started

    try:
        await until(started, 30)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


def bound_socket() -> socket.socket:
    """A listening socket on a free port, so that the address is known before the application is made."""
    # asyncio turns Nagle's delay of 40 ms off only where the socket names its protocol
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    return listener
