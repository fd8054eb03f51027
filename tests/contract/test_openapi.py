"""The OpenAPI document is whole: valid, explained, with examples that are true."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, validators
from openapi_spec_validator import validate

from cli.docs import DOCS, document_of, report_schema, whole
from cli.services import load
from kit.service import Service

SCHEMAS = whole()["components"]["schemas"]
ANONYMOUS = {
    ("post", "/user/login"),
    ("get", "/notifications/unsubscribe/{token}"),
    ("post", "/notifications/unsubscribe/{token}"),
}
WITH_OR_WITHOUT_A_TOKEN = {("post", "/user/tokens"), ("get", "/user/platform")}
Checker = validators.extend(Draft202012Validator, {"required": lambda *_: iter(())})  # type: ignore[no-untyped-call] # by its stubs
"""FastAPI leaves nulls out of the examples of models, so a field may be absent."""
NO_JSON = {"text/html", "text/plain", "text/event-stream", "application/xml"}


def each(page: dict[str, Any] | None = None) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in (page or whole())["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def example_of(content: dict[str, Any]) -> bool:
    """Whether JSON content has an example: its own, its schema's, or that of the items of a page."""
    if "example" in content or "examples" in content:
        return True
    for schema in content["schema"].get("anyOf", [content["schema"]]):
        named = SCHEMAS.get(schema.get("$ref", "").rpartition("/")[2], schema)
        items = named.get("properties", {}).get("data", {}).get("items", {})
        if not (named.get("examples") or SCHEMAS.get(items.get("$ref", "").rpartition("/")[2], {}).get("examples")):
            return False
    return True


def test_the_document_is_valid_openapi() -> None:
    validate(whole())
    assert (DOCS / "openapi.json").exists()


def test_the_schema_of_exported_reports_is_whole() -> None:
    Draft202012Validator.check_schema(report_schema())
    Draft202012Validator(report_schema()).validate(SCHEMAS["RunExport"]["examples"][0])


@pytest.mark.parametrize("services", [load(), *((service,) for service in load())])
def test_every_operation_is_explained_and_stands_in_one_group_that_is_explained(services: tuple[Service, ...]) -> None:
    page = document_of(services)
    groups = {tag["name"] for tag in page["tags"] if tag["description"]}
    used: set[str] = set()
    for method, path, operation in each(page):
        assert operation["summary"], f"{method} {path}"
        assert len(operation["description"]) > 15, f"{method} {path}"
        assert len(operation["tags"]) == 1, f"{method} {path}"
        used.update(operation["tags"])
    assert used == groups


def test_an_error_is_documented_with_its_code_and_an_example() -> None:
    page = whole()
    for method, path, operation in each():
        errors = [answer for status, answer in operation["responses"].items() if status[0] in "45d"]
        for error in errors:
            shown = page["components"]["responses"][error["$ref"].rpartition("/")[2]] if "$ref" in error else error
            content = shown["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Error"}, f"{method} {path}"
            assert content["example"]["code"], f"{method} {path}"
            assert content["example"]["msg"], f"{method} {path}"


def test_every_operation_but_the_anonymous_ones_asks_for_the_token_and_tells_401_and_403() -> None:
    assert whole()["components"]["securitySchemes"]["Token"]["name"] == "Authorization"
    for method, path, operation in each():
        optional: list[dict[str, list[str]]] = (
            [{}, {"Token": []}] if (method, path) in WITH_OR_WITHOUT_A_TOKEN else [{"Token": []}]
        )
        wanted = [] if (method, path) in ANONYMOUS else optional
        assert operation.get("security", []) == wanted, f"{method} {path}"
        assert ({"401", "403"} <= operation["responses"].keys()) is bool(wanted), f"{method} {path}"
        assert "default" in operation["responses"], f"{method} {path}"
        assert "422" not in operation["responses"], f"{method} {path}"


def test_every_body_and_every_answer_of_json_has_an_example() -> None:
    for method, path, operation in each():
        contents = [answer.get("content", {}) for status, answer in operation["responses"].items() if status[0] == "2"]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for content in contents:
            if content.keys() & NO_JSON:
                continue
            assert all(example_of(one) for one in content.values()), f"{method} {path}"


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if "examples" in schema])
def test_an_example_is_as_its_schema_says(name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    for example in SCHEMAS[name]["examples"]:
        Checker(schema).validate(example)


def test_a_new_thing_leads_to_what_can_be_done_with_it() -> None:
    links = {
        (method, path, link["operationId"])
        for method, path, operation in each()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    }
    names = {operation["operationId"]: f"{method} {path}" for method, path, operation in each()}
    followed = {(f"{method} {path}", names[link]) for method, path, link in links}
    for noun in ("projects", "modules", "environments", "cases"):
        makers = {maker for maker, target in followed if re.fullmatch(rf"delete /catalog/{noun}/{{\w+}}", target)}
        assert len(makers) == 1, noun
    assert ("post /runs", "get /runs/{run_id}") in followed
    assert ("post /api-data/schedule-api-cases", "get /scheduler/tasks/{task_id}") in followed
