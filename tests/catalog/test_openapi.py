from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from kit.http import Given
from services.catalog.main import service


def operations() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    app = FastAPI()
    for router in service.routers:
        app.include_router(router)
    page = app.openapi()
    return [
        (f"{method.upper()} {path}", operation, page["components"]["schemas"])
        for path, methods in page["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_is_named_and_explained() -> None:
    found = operations()
    assert len(found) > 25
    for name, operation, _ in found:
        assert operation["summary"], name
        assert len(operation["description"]) > 20, name
        assert operation["tags"], name


def test_every_body_and_every_answer_has_an_example() -> None:
    for name, operation, schemas in operations():
        contents = [answer.get("content") for status, answer in operation["responses"].items() if status[0] == "2"]
        contents.append(operation.get("requestBody", {}).get("content"))
        for content in filter(None, contents):
            schema = content["application/json"]["schema"]
            model = schemas[schema["$ref"].rpartition("/")[2]]
            if "data" in model.get("properties", {}) and "examples" not in model:
                model = schemas[model["properties"]["data"]["items"]["$ref"].rpartition("/")[2]]
            assert model.get("examples"), f"{name}: {schema}"


def test_every_example_of_a_body_is_one_that_is_taken() -> None:
    bodies = [
        (route.path, route.body_field)
        for router in service.routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema and route.body_field is not None
    ]
    assert len(bodies) > 10
    for path, body in bodies:
        examples = body._type_adapter.json_schema()["examples"]
        for example in examples:
            given, errors = body.validate(example, {}, loc=("body",))
            assert not errors, f"{path}: {errors}"
            if isinstance(given, Given):
                given.checked()
