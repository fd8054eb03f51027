"""The whole API's document at `/openapi.json` and a page to try it at `/docs`, which loads nothing from elsewhere.

`python -m cli.docs [--check]` writes `docs/openapi.json`, the schema of exported reports and the reference pages, or
fails when one is not current.
"""

import importlib.metadata
import json
import re
import sys
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

from cli import reference
from cli.services import load
from kit.errors import NotFound
from kit.openapi import document
from kit.service import Service

DOCS = Path(__file__).resolve().parents[1] / "docs"
EXAMPLES = Path(__file__).parent / "examples.json"
"""Of schemas whose examples are too long to stand in the code."""
ASSETS = Path(fastapi_offline.__file__).parent / "static"

TAGS = {
    "log-in": "Sessions, passwords, and what a client or a gateway asks first.",
    "users": "Who there is, and each one's own settings.",
    "memberships": "Which users may write in which projects.",
    "API tokens": "Keys of machines: with scopes, for as long as a year.",
    "audit": "Who did what to which object, before and after.",
    "projects": "What holds environments, modules and cases, and whose members may write in it.",
    "environments": "Base URLs, variables and secrets that a case runs against.",
    "modules": "The tree that the cases of a project live in.",
    "cases": "Steps in order, with their assertions; each change is a revision that stays.",
    "scheduled tasks": "Cases to run at a second, once or again and again.",
    "scheduler": "What is due, what became of each due time, and the scheduler itself.",
    "runs": "Running cases now, cancelling, running again.",
    "reports": "What came of a run: per run, case and step.",
    "notifications": "Mails and messages about runs: channels, deliveries, preferences.",
}
"""The groups of the page, in its order."""

router = APIRouter(include_in_schema=False)


@cache
def whole() -> dict[str, Any]:
    """The OpenAPI document of all five services."""
    return document_of(load())


def document_of(services: Iterable[Service]) -> dict[str, Any]:
    """The OpenAPI document of some services."""
    routers = [router for service in services for router in service.routers]
    return document(routers, importlib.metadata.version("rounds"), TAGS, json.loads(EXAMPLES.read_text()))


def parts(services: Iterable[Service]) -> APIRouter:
    """`/<prefix>/openapi.json` for each prefix of each service: what that service answers for."""
    found = APIRouter(include_in_schema=False)
    for service in services:
        for prefix in {router.prefix.split("/")[1] for router in service.routers if router.include_in_schema}:
            found.add_api_route(f"/{prefix}/openapi.json", cache(partial(document_of, (service,))))
    return found


@router.get("/openapi.json")
def openapi() -> dict[str, Any]:
    """The document, for tools."""
    return whole()


@router.get("/docs")
async def docs() -> HTMLResponse:
    """The page, for people."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Rounds API",
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon.png",
        swagger_ui_parameters={"docExpansion": "none", "persistAuthorization": False, "tryItOutEnabled": True},
    )


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    """A file that the page loads."""
    if name not in {"swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"}:
        raise NotFound
    return FileResponse(ASSETS / name, headers={"Cache-Control": "public, max-age=86400"})


def report_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a report that was exported as JSON: a part of the API's document by itself."""
    schemas = whole()["components"]["schemas"]
    names, found = ["RunExport"], {}
    while names:
        name = names.pop()
        found[name] = {key: value for key, value in schemas[name].items() if key != "examples"}
        referred = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(found[name])))
        names += referred - found.keys() - set(names)
    text = json.dumps(found).replace("#/components/schemas/", "#/$defs/")
    definitions: dict[str, Any] = json.loads(text)
    root = definitions.pop("RunExport")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": definitions}


def _json(made: dict[str, Any]) -> str:
    return json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write the committed documents, or compare them."""
    texts = {
        "openapi.json": _json(whole()),
        "run-report.schema.json": _json(report_schema()),
        "http-reference.md": reference.http_page(whole(), TAGS),
        "event-reference.md": reference.event_page(),
        "case-format-reference.md": reference.case_page(),
    }
    for name, text in texts.items():
        committed = DOCS / name
        if "--check" not in sys.argv:
            committed.write_text(text)
        elif not committed.exists() or committed.read_text() != text:
            sys.exit(f"docs/{name} is not current; run `make contracts`")


if __name__ == "__main__":
    main()
