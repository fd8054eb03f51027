"""The OpenAPI page of auth is pleasant to read."""

from typing import Any

from fastapi import FastAPI

from services.auth.main import service

UNSENT = {"post /user/logout"}
"""Calls without a body."""


def document() -> dict[str, Any]:
    app = FastAPI()
    for router in service.routers:
        app.include_router(router)
    return app.openapi()


def test_every_operation_has_a_summary_a_description_and_examples() -> None:
    described = document()
    schemas = described["components"]["schemas"]

    def has_example(content: dict[str, Any]) -> bool:
        schema = content["application/json"]["schema"]
        names = [one["$ref"].rpartition("/")[2] for one in schema.get("anyOf", [schema])]
        return all(schemas[name].get("examples") for name in names)

    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            name = f"{method} {path}"
            assert operation["summary"], name
            assert operation["description"], name
            assert operation["tags"], name
            assert has_example(operation["responses"]["200"]["content"]), name
            if method in {"post", "put", "patch"} and name not in UNSENT:
                assert has_example(operation["requestBody"]["content"]), name


def test_no_internal_path_is_shown() -> None:
    assert not [path for path in document()["paths"] if path.startswith("/internal")]
