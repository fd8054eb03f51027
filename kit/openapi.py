"""The OpenAPI document of the services, with the errors that every operation may answer."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

ERROR = {
    "type": "object",
    "description": "Every error, whatever raised it. `code` is stable; `msg` is in the language of `Accept-Language`.",
    "required": ["code", "msg"],
    "properties": {
        "code": {"type": "string", "examples": ["invalid_parameter"]},
        "msg": {"type": "string", "examples": ["参数错误"]},
        "errors": {
            "type": "array",
            "description": "Where fields are at fault: each of them.",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {
                    "field": {"type": "string", "description": "Path into the body", "examples": ["owner_ids"]},
                    "reason": {"type": "string", "examples": ["unknown_ids"]},
                    "msg": {"type": "string"},
                },
            },
        },
    },
}
DESCRIPTION = """Rounds runs API test cases at the due second, judges every step, and mails the pass rate.

Log in with `POST /user/login` and send `Authorization: Token <token>` with every other call. Messages are Chinese, or
English with `Accept-Language: en`."""


def document(routers: Sequence[APIRouter], version: str) -> dict[str, Any]:
    """The OpenAPI document of some routers: operations, the token, and the one shape of errors."""
    app = FastAPI(openapi_url=None)
    for router in routers:
        app.include_router(router)
    made = get_openapi(title="Rounds", version=version, description=DESCRIPTION, routes=app.routes)
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Error"] = ERROR
    for operation in operations(made):
        operation["responses"].pop("422", None)
        operation["responses"].setdefault(
            "default",
            {
                "description": "An error",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        )
    return made


def operations(of: dict[str, Any]) -> list[dict[str, Any]]:
    """Every operation of an OpenAPI document."""
    return [operation for path in of["paths"].values() for operation in path.values()]


def openapi_endpoints(routers: Sequence[APIRouter], version: str) -> APIRouter:
    """`/<prefix>/openapi.json` for each prefix of the routers: the part that this service answers for."""
    described = APIRouter(include_in_schema=False)
    prefixes = {
        route.path.split("/")[1]
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema and router.include_in_schema
    }
    for prefix in sorted(prefixes):

        async def part() -> dict[str, Any]:
            return document(routers, version)

        described.add_api_route(f"/{prefix}/openapi.json", part)
    return described
