"""The HTTP edge that all services share: error bodies, strict bodies, paging, who is let in."""

import hmac
import logging
import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar, cast, get_args

from fastapi import Body as FromBody
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import CoreSchema, core_schema
from starlette.exceptions import HTTPException

from kit.caller import authenticate_first
from kit.errors import (
    FROM_BELOW,
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
from kit.settings import settings
from kit.tables import MAX_ID
from kit.telemetry import trace_id

log = logging.getLogger(__name__)

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


def listed_ids(name: str, text: str, most: int) -> list[int]:
    """The ids of a query parameter that lists them with commas.

    Raises: InvalidParameter (`bad_format`; `out_of_range` when there are more than `most`, or one is above 2^31 - 1).
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() for part in parts):
        raise InvalidParameter(errors=[FieldFault(name, "bad_format")])
    if len(parts) > most or max(map(len, parts)) > len(str(MAX_ID)) or max(map(int, parts)) > MAX_ID:
        raise InvalidParameter(errors=[FieldFault(name, "out_of_range")])
    return [int(part) for part in parts]


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
    # What `Exception` alone stands for is raised once more after the answer, and logged as a fault of the application.
    app.exception_handlers |= dict.fromkeys((*FROM_BELOW, Exception), on_any)
