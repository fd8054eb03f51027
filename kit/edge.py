"""What happens around every request: ids, language, trailing slash, type, size and depth of bodies, latency."""

import re
import time

from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid7

from kit.errors import AppError, FieldFault, InvalidParameter, PayloadTooLarge
from kit.http import answer
from kit.messages import choose_language, language
from kit.telemetry import continue_request, request_id

MAX_BODY_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 100
LATENCY = Histogram("rounds_http_seconds", "Time to answer a request", ["method", "path", "status"])

_JSON = (b"content-type", b"application/json")
"""Every body is JSON, whatever its `Content-Type` says: `curl -d` says that it is a form."""


class Edge:
    """ASGI middleware around every request: ids, language, trailing slash, type, size and depth of bodies, latency.

    It also turns any error that escapes the application into the contract's body, so that nothing answers in
    another shape.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id.set(given if re.fullmatch(r"[\w.-]{8,64}", given) else str(uuid7()))
        continue_request(headers.get("traceparent"))
        language.set(choose_language(headers.get("accept-language")))
        if len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        started, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["X-Request-ID"] = request_id.get() or ""
                out.setdefault("X-Content-Type-Options", "nosniff")
                out.setdefault("Cache-Control", "no-store")
                if (supervisor := getattr(scope["app"].state, "supervisor", None)) and supervisor.stopping.is_set():
                    out["Connection"] = "close"  # so that a gateway sends nothing more into it
            await send(message)

        try:
            body = await _read_body(receive, headers) if scope["method"] in {"POST", "PUT", "PATCH", "DELETE"} else None
        except AppError as error:
            await answer(error)(scope, receive, sending)
        else:
            if body:
                scope = {**scope, "headers": [*(h for h in scope["headers"] if h[0] != b"content-type"), _JSON]}
            await self.app(scope, receive if body is None else _replay(body, receive), sending)
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")
            LATENCY.labels(scope["method"], path, status).observe(time.perf_counter() - started)


async def _read_body(receive: Receive, headers: Headers) -> bytes:
    """The whole body, refused before it costs memory."""
    if headers.get("content-length", "0").isdigit() and int(headers.get("content-length", "0")) > MAX_BODY_BYTES:
        raise PayloadTooLarge
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise PayloadTooLarge
        if not message.get("more_body"):
            break
    body = b"".join(chunks)
    if json_depth(body) > MAX_JSON_DEPTH:
        raise InvalidParameter(errors=[FieldFault("body", "out_of_range")])
    return body


_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


def json_depth(body: bytes) -> int:
    """How deep the arrays and objects of a JSON text are nested, without parsing it."""
    if body.count(b"[") + body.count(b"{") <= MAX_JSON_DEPTH:
        return 0
    depth = deepest = 0
    for byte in _STRINGS.sub(b"", body):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _replay(body: bytes, receive: Receive) -> Receive:
    delivered = False

    async def replay() -> Message:
        nonlocal delivered
        if delivered:
            return await receive()
        delivered = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
