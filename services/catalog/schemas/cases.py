"""Bodies and answers about cases."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints

from kit.http import Body
from services.catalog.schemas.fields import Answer, Document, Id, Ids, Name, Stamps, Tag, each_once
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


class RevisionItem(Stamps):
    """A revision of a case, without its document. It never changes."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"case_id": 22, "module_id": 4, "name": "登录", **STAMPS}]}
    )

    case_id: int
    module_id: int
    """The module that the case lay in."""
    name: str


class RevisionRead(RevisionItem):
    """A revision of a case with its document."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"case_id": 22, "module_id": 4, "name": "登录", **STAMPS, "document": DOCUMENT}]
        }
    )

    document: dict[str, JsonValue]


class CaseCopy(Body):
    """Where a copy goes and how it is called; left out, as the case itself."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"module_id": 5, "name": "登录（副本）"}]})

    module_id: Id | None = None
    name: Name | None = None


class CaseMove(Body):
    """The module that a case goes to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"module_id": 5}]})

    module_id: Id


class CasesBulk(Body):
    """What to do with many cases: `move` takes `module_id`, `tag` takes `add` and `remove`, `delete` takes nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"ids": [22, 20], "action": "move", "module_id": 5},
                {"ids": [22, 20], "action": "tag", "add": ["smoke"], "remove": ["slow"]},
                {"ids": [22, 20], "action": "delete"},
            ]
        }
    )

    ids: Ids
    action: Literal["move", "tag", "delete"]
    module_id: Id | None = None
    """A module of the cases' project."""
    add: Annotated[list[Tag], Field(max_length=50), AfterValidator(each_once)] = Field(default_factory=list)
    remove: Annotated[list[Tag], Field(max_length=50), AfterValidator(each_once)] = Field(default_factory=list)


class BulkDone(Answer):
    """The cases as they are now; of deleted ones nothing is left."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"data": [ITEM]}]})

    data: list[CaseItem]


class CaseValidation(Answer):
    """What is wrong with a document, and which variables it uses."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "errors": [
                        {
                            "field": "document.steps[2].asserts[0].predicate",
                            "reason": "not_supported",
                            "msg": "暂不支持",
                            "hint": "the predicate 'resembles' is not supported",
                        }
                    ],
                    "variables": [],
                }
            ]
        }
    )

    errors: list[dict[str, JsonValue]]
    variables: list[str]
    """Names that the templates use, each once; empty while there are errors."""


class Convert(Body):
    """cURL commands, as bash or cmd takes them, one after the other."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"format": "curl", "text": "curl -k https://qa.example.test/login -H 'Authorization: Bearer abcdef123'"}
            ]
        }
    )

    format: Literal["curl"]
    text: Annotated[str, StringConstraints(min_length=1, max_length=100_000)]


class ConvertNote(Answer):
    """Something that a step says otherwise than the text did, or not at all."""

    step: int | None
    """Index of the step; null: of no step."""
    kind: str
    """approximated, converted, environment, file, left_out, unsupported, unknown, variable, computed …"""
    option: str
    """What it is about, as it stood in the text."""
    msg: str


class ConvertedSecret(Answer):
    """A credential that was in the text; the steps have `{{name}}` in its place."""

    name: str
    value: str
    field: str
    """Where it stood first."""


class ConvertRead(Answer):
    """Steps to put into a case. Nothing is saved."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "steps": [
                        {
                            "name": "GET /login",
                            "type": "request",
                            "request": {
                                "method": "GET",
                                "url": "https://qa.example.test/login",
                                "auth": {"type": "bearer", "token": "{{token}}"},
                            },
                            "options": {"follow_redirects": False, "verify_tls": False},
                        }
                    ],
                    "notes": [
                        {
                            "step": 0,
                            "kind": "converted",
                            "option": "-k",
                            "msg": "-k：不校验 TLS 证书",
                        }
                    ],
                    "secrets_found": [{"name": "token", "value": "abcdef123", "field": "steps[0].request.auth.token"}],
                }
            ]
        }
    )

    steps: list[dict[str, JsonValue]]
    notes: list[ConvertNote]
    secrets_found: list[ConvertedSecret]


class Lookup(Body):
    """Ids to look up."""

    ids: list[int]
