"""Bodies and answers about cases."""

from typing import Any

from pydantic import ConfigDict, JsonValue

from kit.http import Body
from services.catalog.schemas.fields import Answer, Document, Stamps
from services.catalog.schemas.projects import STAMPS

DOCUMENT: dict[str, Any] = {
    "apiVersion": "rounds/v1",
    "kind": "Case",
    "name": "登录",
    "tags": ["smoke"],
    "steps": [
        {
            "name": "log in",
            "type": "request",
            "request": {"method": "POST", "url": "{{base_url}}/login", "body": {"json": {"user": "{{user}}"}}},
            "asserts": [{"query": {"type": "status"}, "predicate": "==", "value": 200}],
        }
    ],
}
ITEM: dict[str, Any] = {
    "id": 22,
    "project_id": 7,
    "module_id": 4,
    "name": "登录",
    "tags": ["smoke"],
    "step_count": 1,
    "calls": [],
    "called_by": [31],
    **STAMPS,
}


class CaseWrite(Body):
    """A case, as its document says."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"document": DOCUMENT}]})

    document: Document


class CaseItem(Stamps):
    """A case without its document."""

    model_config = ConfigDict(json_schema_extra={"examples": [ITEM]})

    id: int
    project_id: int
    module_id: int
    name: str
    tags: list[str]
    step_count: int
    """Steps in the document, nested ones and the teardown included."""
    calls: list[int]
    """Cases that it calls."""
    called_by: list[int]
    """Cases that call it."""


class CaseRead(CaseItem):
    """A case with its document as it was saved."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**ITEM, "document": DOCUMENT}]})

    document: dict[str, JsonValue]


class Lookup(Body):
    """Ids to look up."""

    ids: list[int]


class CaseReference(Answer):
    """A case by id and name."""

    id: int
    name: str
