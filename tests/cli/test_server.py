"""How a process stops: not ready at the signal, its work is finished, then its connections."""

import asyncio
import signal

import httpx
import pytest

from cli.server import bind, serve, stop_event
from kit.service import create_app
from tests.support.wait import until


@pytest.mark.usefixtures("environment")
async def test_a_process_that_is_told_to_stop_is_unready_at_once_and_answers_until_its_work_is_done() -> None:
    app, ready, finished = create_app([]), asyncio.Event(), asyncio.Event()
    supervisor = app.state.supervisor

    async def work() -> None:
        await supervisor.stopping.wait()
        await finished.wait()

    with bind("127.0.0.1", 0) as listener:
        serving = asyncio.create_task(serve(app, listener, stop_event(), ready.set))
        await ready.wait()
        supervisor.start("work", work())
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            assert (await client.get("/readyz")).status_code == 200

            signal.raise_signal(signal.SIGTERM)

            async def status() -> bool:
                return (await client.get("/readyz")).status_code == 503

            await until(status)
            assert (await client.get("/healthz")).status_code == 200
        finished.set()
        await asyncio.wait_for(serving, 10)
