"""An HTTP server to test against, which remembers every request.

async with http_target() as target:
    target.url                            # http://127.0.0.1:…
    target.requests, target.count("/login"), target.count("/orders/1", "GET")
    target.hold(); …; target.release()    # requests to /held wait in between

| path | answer |
| --- | --- |
| POST /login `{"username", "password"}` | `{"token"}`; 401 unless the password is `secret` |
| GET /orders/{id} | `{"id", "status": "paid", "items": […]}` for a bearer of that token, else 401 |
| POST /orders | 201, the body with an `id` |
| any /echo | `{"method", "path", "query": [[…]], "headers": [[…]], "body"}` |
| /status/{code}, /bytes/{n}, /gzip/{n} | that status; n bytes; n zero bytes, compressed |
| /json/{n} | a list of n objects `{"id": 0, "name": "item 0", "tags": ["a", "b"]}` |
| /slow?ms=, /held | after that time; after `release()` |
| /flaky?fails=n&key=k | 503 for the first n requests with that key, then 200 |
| /redirect?to=&status=302, /cookie?name=&value= | a redirect; a cookie |
| /close | none: the connection is cut |
"""

import asyncio
import itertools
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

TOKEN = "t0ken-of-the-target"
PASSWORD = "secret"


@dataclass(frozen=True)
class Request:
    """A request as it came in. `at` is `time.monotonic()`."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]]
    body: bytes
    at: float


@dataclass
class Target:
    """What the server saw, and its one lever."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    fails: Counter[str] = field(default_factory=Counter)
    order_ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Let /held through until `hold` is called."""
        self.opened.set()

    def count(self, path: str, method: str | None = None) -> int:
        """Count the requests to a path, of one method or of any."""
        return sum(request.path == path and method in {None, request.method} for request in self.requests)

    def hold(self) -> None:
        """Let requests to /held wait from now on. They are counted when they arrive."""
        self.opened.clear()

    def release(self) -> None:
        """Answer the requests that wait."""
        self.opened.set()


@asynccontextmanager
async def http_target() -> AsyncIterator[Target]:
    """Run the target on a free port of 127.0.0.1 for the length of a block."""
    target = Target()
    app = web.Application(middlewares=[_recorder(target)], client_max_size=50 * 1024 * 1024)
    app.add_routes(_routes(target))
    runner = web.AppRunner(app, shutdown_timeout=0, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    target.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield target
    finally:
        target.release()
        await runner.cleanup()


def _recorder(target: Target) -> Middleware:
    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await request.read()
        query, headers = list(request.query.items()), list(request.headers.items())
        target.requests.append(Request(request.method, request.path, query, headers, body, time.monotonic()))
        return await handler(request)

    return record


def _routes(target: Target) -> list[web.RouteDef]:  # noqa: C901 - a list of small handlers
    async def login(request: web.Request) -> web.Response:
        given = await request.json()
        if given.get("password") != PASSWORD:
            return web.json_response({"error": "wrong password"}, status=HTTPStatus.UNAUTHORIZED)
        return web.json_response({"token": TOKEN})

    async def order(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"error": "log in first"}, status=HTTPStatus.UNAUTHORIZED)
        items = [{"sku": "A-1", "price": 9.5}, {"sku": "B-2", "price": 20}]
        return web.json_response({"id": int(request.match_info["id"]), "status": "paid", "items": items})

    async def create_order(request: web.Request) -> web.Response:
        return web.json_response({**await request.json(), "id": next(target.order_ids)}, status=HTTPStatus.CREATED)

    async def echo(request: web.Request) -> web.Response:
        body = (await request.read()).decode(errors="replace")
        query, headers = list(request.query.items()), list(request.headers.items())
        answer = {"method": request.method, "path": request.path, "query": query, "headers": headers, "body": body}
        return web.json_response(answer)

    async def status(request: web.Request) -> web.Response:
        return web.json_response({}, status=int(request.match_info["code"]))

    async def data(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * int(request.match_info["n"]))

    async def items(request: web.Request) -> web.Response:
        count = int(request.match_info["n"])
        return web.json_response([{"id": n, "name": f"item {n}", "tags": ["a", "b"]} for n in range(count)])

    async def gzip(request: web.Request) -> web.Response:
        squeeze = zlib.compressobj(wbits=31)
        body = squeeze.compress(bytes(int(request.match_info["n"]))) + squeeze.flush()
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(float(request.query["ms"]) / 1000)
        return web.json_response({"slept_ms": float(request.query["ms"])})

    async def held(_request: web.Request) -> web.Response:
        await target.opened.wait()
        return web.json_response({"held": True})

    async def flaky(request: web.Request) -> web.Response:
        key = request.query.get("key", "")
        target.fails[key] += 1
        if target.fails[key] <= int(request.query.get("fails", "1")):
            return web.json_response({"error": "not yet"}, status=HTTPStatus.SERVICE_UNAVAILABLE)
        return web.json_response({"requests": target.fails[key]})

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=int(request.query.get("status", "302")), headers={"Location": request.query["to"]})

    async def cookie(request: web.Request) -> web.Response:
        answer = web.json_response({})
        answer.set_cookie(request.query["name"], request.query["value"])
        return answer

    async def close(request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    return [
        web.post("/login", login),
        web.post("/orders", create_order),
        web.get("/orders/{id}", order),
        web.route("*", "/echo", echo),
        web.route("*", "/status/{code}", status),
        web.get("/bytes/{n}", data),
        web.get("/json/{n}", items),
        web.get("/gzip/{n}", gzip),
        web.route("*", "/slow", slow),
        web.route("*", "/held", held),
        web.route("*", "/flaky", flaky),
        web.get("/redirect", redirect),
        web.get("/cookie", cookie),
        web.get("/close", close),
    ]
