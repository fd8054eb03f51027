"""The gateway's configuration in a real nginx, in front of a server that tells which service was meant."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from deploy.kafka.broker import free_port
from deploy.up import PARTS, gateway
from tests.support.processes import running


@asynccontextmanager
async def service(name: str) -> AsyncIterator[int]:
    """A stand-in at the far end of a route: it tells its name and what it was sent."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/events"):
            stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await stream.prepare(request)
            await stream.write(b"event: snapshot\n\n")
            await released.wait()
            return stream
        body = await request.read()
        headers = dict(request.headers.items())
        return web.json_response({"service": name, "path": request.raw_path, "headers": headers, "bytes": len(body)})

    released = asyncio.Event()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        released.set()
        await runner.cleanup()


@asynccontextmanager
async def gateway_to(folder: Path, down: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    listen = f"127.0.0.1:{free_port()}"
    async with AsyncExitStack() as stack:
        servers = {name: [await stack.enter_async_context(service(name))] for name in PARTS if name != down}
        if down is not None:
            servers[down] = [free_port()]
        nginx = gateway(folder, listen, servers)
        await stack.enter_async_context(running(nginx.command, folder / "nginx.log", url=f"http://{listen}/healthz"))
        yield await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://{listen}"))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway_to(tmp_path) as client:
        yield client


async def test_each_prefix_goes_to_its_service(client: httpx.AsyncClient) -> None:
    routes = {
        "/user/login": "auth",
        "/user": "auth",
        "/catalog/cases:bulk?ids=1": "catalog",
        "/catalog/openapi.json": "catalog",
        "/api-data/schedule-api-cases": "scheduler",
        "/scheduler/tasks/1/": "scheduler",
        "/runs": "executor",
        "/runs/a%20b": "executor",
        "/notifications/channels": "notifier",
        "/console/p/7/cases": "console",
        "/docs": "console",
        "/openapi.json": "console",
    }
    for path, name in routes.items():
        answer = (await client.post(path, json={})).json()
        assert (answer["service"], answer["path"]) == (name, path)


@pytest.mark.parametrize("path", ["/", "/console"])
async def test_the_root_leads_to_the_console(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (302, "/console/")


@pytest.mark.parametrize(
    "path",
    [
        "/internal/auth/users",
        "//internal/auth/users",
        "/users",
        "/metrics",
        "/readyz",
        "/user/%2e%2e/internal/auth/users",
        "/internal/auth/..%2f..%2fuser",
    ],
)
async def test_what_is_not_public_is_not_reachable(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(httpx.URL(str(client.base_url).rstrip("/") + path))
    assert answer.status_code in {400, 404}
    assert "service" not in answer.text


async def test_a_sound_request_id_is_passed_on_and_answered_and_another_is_replaced(client: httpx.AsyncClient) -> None:
    answer = await client.get("/runs", headers={"X-Request-ID": "trace-me-12345"})
    assert answer.json()["headers"]["X-Request-ID"] == answer.headers["X-Request-ID"] == "trace-me-12345"
    answer = await client.get("/runs", headers={"X-Request-ID": "no good"})
    assert answer.json()["headers"]["X-Request-ID"] == answer.headers["X-Request-ID"] != "no good"


@pytest.mark.parametrize("path", ["/runs/1/events", "/scheduler/events"])
async def test_events_come_through_at_once(client: httpx.AsyncClient, path: str) -> None:
    async with client.stream("GET", path) as answer:
        assert await anext(answer.aiter_bytes()) == b"event: snapshot\n\n"


async def test_bodies_pass_up_to_the_ceiling_and_are_refused_beyond(client: httpx.AsyncClient) -> None:
    assert (await client.post("/catalog/x", content=bytes(8_000_000))).json()["bytes"] == 8_000_000
    answer = await client.post("/catalog/x", content=bytes(17_000_000), headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_every_answer_carries_the_security_headers_once(client: httpx.AsyncClient) -> None:
    for path in ("/console/", "/runs", "/nowhere"):
        headers = (await client.get(path)).headers
        assert headers.get_list("X-Content-Type-Options") == ["nosniff"]
        assert headers.get_list("X-Frame-Options") == ["DENY"]
        assert headers.get_list("Referrer-Policy") == ["same-origin"]


async def test_a_service_that_is_down_is_answered_as_unavailable(tmp_path: Path) -> None:
    async with gateway_to(tmp_path, down="executor") as client:
        answer = await client.get("/runs")
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
        assert answer.headers["Retry-After"] == "2"
        assert (await client.get("/catalog/x")).status_code == 200
