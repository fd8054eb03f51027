"""The OpenAPI document of the services, with the errors that every operation may answer."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from kit.errors import AppError, FieldFault, InvalidParameter, NotAuthenticated, PermissionDenied

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


_ERRORS: dict[str, tuple[str, AppError]] = {
    "401": ("No token, or one that is unknown, expired or replaced", NotAuthenticated("missing")),
    "403": ("The caller may not do this, or must change the password first", PermissionDenied()),
    "default": (
        "An error; where fields are at fault, `errors` names each of them",
        InvalidParameter(errors=[FieldFault("name", "out_of_range")]),
    ),
}
"""What an operation may answer beside its success; 401 and 403 where it takes a token."""


def document(
    routers: Iterable[APIRouter], version: str, tags: Mapping[str, str], examples: Mapping[str, Any]
) -> dict[str, Any]:
    """The OpenAPI document of some routers: operations, the token, the one shape of errors, what leads to what.

    `tags` describes the groups of operations, `examples` has those of schemas that are too long for the code.
    """
    app = FastAPI(openapi_url=None)
    for router in routers:
        app.include_router(router)
    made = get_openapi(title="Rounds", version=version, description=DESCRIPTION, routes=app.routes)
    used = {tag for operation in operations(made) for tag in operation["tags"]}
    made["tags"] = [{"name": name, "description": said} for name, said in tags.items() if name in used]
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Error"] = ERROR
    for name in examples.keys() & schemas.keys():
        schemas[name]["examples"] = [examples[name]]
    components["responses"] = {type(error).__name__: _response(said, error) for said, error in _ERRORS.values()}
    for operation in operations(made):
        operation["responses"].pop("422", None)
        for status, (_, error) in _ERRORS.items():
            if status == "default" or operation.get("security"):
                reference = {"$ref": f"#/components/responses/{type(error).__name__}"}
                operation["responses"].setdefault(status, reference)
    _link(made)
    return made


def _response(description: str, error: AppError) -> dict[str, Any]:
    content = {"schema": {"$ref": "#/components/schemas/Error"}, "example": error.body()}
    return {"description": description, "content": {"application/json": content}}


def _link(made: dict[str, Any]) -> None:
    """Tell which operations the answer of a POST leads to: those that its id is enough for.

    The id is `id` where the paths tell the same noun (`…/cases`, `…/cases/{case_id}`), else `run_id` for `{run_id}`.
    """
    for path, methods in made["paths"].items():
        for status, answer in methods.get("post", {}).get("responses", {}).items():
            if not status.startswith("2"):
                continue
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            named = made["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
            fields = named.get("properties", {})
            for target, followers in made["paths"].items():
                found = re.fullmatch(r".*/(\w+)/\{(\w+_id)\}[^{}]*", target)
                noun, parameter = found.groups() if found and target.count("{") == 1 else ("", "")
                field = "id" if "id" in fields else parameter
                if field not in fields or (field == "id" and noun != path.rpartition("/")[2]):
                    continue
                for follower in followers.values():
                    answer.setdefault("links", {})[follower["operationId"]] = {
                        "description": follower["summary"],
                        "operationId": follower["operationId"],
                        "parameters": {parameter: f"$response.body#/{field}"},
                    }


def operations(of: dict[str, Any]) -> list[dict[str, Any]]:
    """Every operation of an OpenAPI document."""
    return [operation for path in of["paths"].values() for operation in path.values()]
