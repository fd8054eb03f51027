"""`rounds serve` on a socket that whoever starts it holds open."""

import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.processes import Process
from tests.support.wait import until

ROUNDS = str(Path(sys.executable).with_name("rounds"))
DRAIN_SECONDS = "2"


@pytest.fixture
def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


async def test_a_process_that_is_told_to_stop_is_unready_at_once_and_still_answers(
    tmp_path: Path, listener: socket.socket
) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    command = [ROUNDS, "serve", "console", "--fd", str(listener.fileno())]
    process = Process(command, tmp_path / "log", {"ROUNDS_DRAIN_SECONDS": DRAIN_SECONDS}, [listener.fileno()])
    process.start()
    try:
        await process.ready(f"{url}/readyz")
        async with httpx.AsyncClient(base_url=url) as client:
            assert "connection" not in (await client.get("/readyz")).headers
            os.kill(process.pid, signal.SIGTERM)

            async def unready() -> bool:
                return (await client.get("/readyz")).status_code == httpx.codes.SERVICE_UNAVAILABLE

            await until(unready, 2)
            answer = await client.get("/healthz")
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")
            assert process.returncode() is None
        await until(lambda: process.returncode() is not None, 20)

        process.start()
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            assert (await client.get("/healthz")).status_code == httpx.codes.OK
    finally:
        await process.kill()
        listener.close()
