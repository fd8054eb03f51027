"""Serving an application in this process until SIGINT or SIGTERM."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from kit.loops import Supervisor
from kit.settings import settings

CONNECTIONS_END_SECONDS = 5
IDLE_SECONDS = 75
"""Longer than a gateway keeps its idle connections, so that it never sends a request into one that is being closed."""
logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def bind(host: str, port: int) -> socket.socket:
    """Take the address before anything slow is done; port 0: one that is free.

    Raises: OSError when it is taken or no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay of 40 ms off only where the socket names its protocol
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener


def stop_event() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set from now on, instead of ending the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


class _Server(uvicorn.Server):
    """Uvicorn, telling when it answers; it ends once the work of the process is done or its grace period is over."""

    def __init__(self, config: uvicorn.Config, supervisor: Supervisor, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._supervisor = supervisor
        self._on_ready = on_ready
        self._loop = asyncio.get_running_loop()
        self._leaving: asyncio.Task[None] | None = None
        self._told = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application and listen."""
        await super().startup(sockets)
        if self.started:
            spare_the_collector()
            self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """At the first signal: not ready any more, and work comes to its end; at the second one: at once."""
        if self._told:
            self.should_exit = True
            super().handle_exit(sig, frame)
            return
        self._told = True
        self._captured_signals.append(sig)
        self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self._leaving = self._loop.create_task(self._drain())

    async def _drain(self) -> None:
        own = settings()
        await asyncio.gather(self._supervisor.drain(own.grace_seconds), asyncio.sleep(own.drain_seconds))
        self.should_exit = True


def spare_the_collector() -> None:
    """Look less often for garbage in circles, and never among what is there from the start: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


async def serve(app: FastAPI, listener: socket.socket, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
    """Serve until `stop` is set or a signal comes, then finish the work in hand and the requests.

    `/readyz` says no from the signal on, while requests are answered until the work is done, and for
    `ROUNDS_DRAIN_SECONDS` at least. A second Ctrl-C does not wait.

    Raises: SystemExit when the application does not start; the log tells why.
    """
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=CONNECTIONS_END_SECONDS,
    )
    server = _Server(config, app.state.supervisor, on_ready)
    server.should_exit = stop.is_set()
    await server.serve(sockets=[listener])
