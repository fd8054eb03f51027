"""The HTTP edge that all services share: error bodies, languages, request ids, strict bodies, limits."""

import hmac
import logging
import math
import re
import time
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar, cast, get_args

from fastapi import Body as FromBody
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import Histogram
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import CoreSchema, core_schema
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid7

from kit.caller import authenticate_first
from kit.errors import (
    AppError,
    DependencyUnavailable,
    FieldFault,
    InvalidParameter,
    MethodNotAllowed,
    MissingParameter,
    NotAuthenticated,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    is_infrastructure,
)
from kit.messages import choose_language, language
from kit.settings import settings
from kit.telemetry import continue_request, request_id, trace_id

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 100
LATENCY = Histogram("rounds_http_seconds", "Time to answer a request", ["method", "path", "status"])

T = TypeVar("T")


class FaultReason(ValueError):
    """Raise it in a pydantic validator with one of the contract's reason words."""


def _unstorable(value: Any) -> str | None:  # noqa: ANN401 (JSON)
    """Why a JSON value cannot be kept, as a reason word; None when it can.

    PostgreSQL keeps no NUL character; numbers past 64 bits would lose digits on their way.
    """
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting.extend((*part.keys(), *part.values()))
        elif isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, str):
            if "\0" in part or (not part.isascii() and part.encode(errors="replace").decode() != part):
                return "bad_format"
        elif part is not None and not (math.isfinite(part) if isinstance(part, float) else -(2**63) <= part < 2**64):
            return "out_of_range"
    return None


def storable(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """Refuse what PostgreSQL or JSON cannot keep."""
    if reason := _unstorable(value):
        raise FaultReason(reason)
    return value


class Body(BaseModel):
    """A request body: strict types, unknown fields are refused by name, and so is what cannot be stored."""

    model_config = ConfigDict(strict=True, extra="forbid", str_strip_whitespace=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _keepable(cls, value: Any) -> Any:  # noqa: ANN401 (JSON)
        return storable(value)


class Given(Generic[T]):
    """A body whose required fields are there, while its other faults are held back until it is `checked()`.

    The contract's order of checks puts 404, 403 and 409 between the two. Declare the parameter as
    `given: GivenBody[TaskUpdate]`.
    """

    def __init__(self, value: T | None, faults: Sequence[Any] = ()) -> None:
        """Either a value or pydantic's findings."""
        self._value = value
        self._faults = faults

    def checked(self) -> T:
        """The body. Raises: InvalidParameter naming every fault."""
        if self._faults:
            raise validation_error(self._faults)
        return cast("T", self._value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Validate like the model, but keep the findings."""

        def hold(value: Any, validate: ValidatorFunctionWrapHandler) -> "Given[T]":  # noqa: ANN401
            try:
                return cls(validate(value))
            except ValidationError as error:
                faults = error.errors(include_url=False, include_input=False)
                if any(fault["type"] == "missing" for fault in faults):
                    raise
                return cls(None, [{**fault, "loc": ("body", *fault["loc"])} for fault in faults])

        return core_schema.no_info_wrap_validator_function(hold, handler(get_args(source)[0]))


GivenBody = Annotated[Given[T], FromBody()]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    total: int
    page: int
    page_size: int
    data: list[T]


class Paging(BaseModel):
    """Which page of a list is wanted."""

    page: int
    page_size: int

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.page - 1) * self.page_size


def _paging(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Paging:
    return Paging(page=page, page_size=page_size)


PagingQuery = Annotated[Paging, Depends(_paging)]


def if_match(request: Request) -> int | None:
    """The revision that `If-Match` names, None without the header.

    Raises: InvalidParameter when it is no revision.
    """
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    digits = given.strip().removeprefix("W/").strip('"')
    if not re.fullmatch(r"[0-9]{1,18}", digits):
        raise InvalidParameter(errors=[FieldFault("If-Match", "bad_format")])
    return int(digits)


IfMatch = Annotated[int | None, Depends(if_match)]


def service_only(request: Request) -> None:
    """Let in other services only: `Authorization: Service <ROUNDS_SERVICE_TOKEN>`.

    Raises: NotAuthenticated, PermissionDenied.
    """
    token = settings().service_token
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "service":
        raise NotAuthenticated("missing")
    if token is None or not hmac.compare_digest(given.strip().encode(), token.get_secret_value().encode()):
        raise PermissionDenied


# pydantic's error types, by the reason word of the contract
_REASONS = {
    "extra_forbidden": "unknown_field",
    "json_invalid": "bad_format",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "too_long": "out_of_range",
    "too_short": "out_of_range",
    "string_too_long": "out_of_range",
    "string_too_short": "out_of_range",
    "literal_error": "out_of_range",
    "enum": "out_of_range",
    "string_pattern_mismatch": "bad_format",
    "int_parsing_size": "out_of_range",
    "value_error": "bad_format",
}


def field_path(location: Sequence[str | int]) -> str:
    """A pydantic location as a path into the body: `document.steps[2].name`."""
    parts = (
        list(location[1:])
        if location and location[0] in {"body", "query", "path", "header", "cookie"}
        else list(location)
    )
    parts = [part for part in parts if part != "[key]"]  # pydantic's mark for the key of an object
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    return path or "body"


def validation_error(errors: Sequence[Any]) -> AppError:
    """Pydantic's findings as the contract's error: `missing_parameter` if any is absent, else all faults at once."""
    missing = dict.fromkeys(field_path(e["loc"]) for e in errors if e["type"] == "missing" and len(e["loc"]) > 1)
    if missing:
        return MissingParameter(errors=[FieldFault(path, "missing") for path in missing])
    faults: dict[str, FieldFault] = {}
    for error in errors:
        malformed = error["type"] == "json_invalid" or error["loc"] == ("body",)
        path = "body" if malformed else field_path(error["loc"])
        reason = "bad_format" if malformed else _reason(error)
        faults.setdefault(path, FieldFault(path, reason))
    return InvalidParameter(errors=list(faults.values()))


def _reason(error: Any) -> str:  # noqa: ANN401 (pydantic's ErrorDetails)
    in_url = error["loc"] and error["loc"][0] in {"query", "path"}
    if in_url and str(error["type"]).endswith("_parsing"):
        return "bad_format"
    context = error.get("ctx") or {}
    if error["type"] == "value_error" and isinstance(context.get("error"), FaultReason):
        return str(context["error"])
    return _REASONS.get(error["type"], "wrong_type")


def answer(error: AppError) -> JSONResponse:
    """The response that states an error."""
    return JSONResponse(error.body(), status_code=error.status, headers=error.headers)


def add_error_handlers(app: FastAPI) -> None:
    """Give every error, whatever raised it, the contract's body."""

    async def on_app_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, AppError)  # noqa: S101 (for the type checker)
        return answer(error)

    async def unparsed(request: Request) -> JSONResponse:
        try:
            await authenticate_first(request)
        except AppError as refusal:
            return answer(refusal)
        return answer(InvalidParameter(errors=[FieldFault("body", "bad_format")]))

    async def on_validation_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        if error.errors()[0]["type"] == "json_invalid":
            return await unparsed(request)
        return answer(validation_error(error.errors()))

    async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        known: dict[int, type[AppError]] = {404: NotFound, 405: MethodNotAllowed, 413: PayloadTooLarge}
        if error.status_code in known:
            found = known[error.status_code](headers=dict(error.headers or {}))
            return answer(found)
        return await unparsed(request)

    async def on_any(_: Request, error: Exception) -> JSONResponse:
        if is_infrastructure(error):
            log.warning("answering 503: %s", error)
            return answer(DependencyUnavailable())
        log.error("unexpected error", exc_info=error)
        return answer(AppError(body={"trace_id": trace_id()}))

    app.add_exception_handler(AppError, on_app_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(Exception, on_any)


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
