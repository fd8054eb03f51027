"""Which changes of a published schema count as a break."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from contracts.compatibility import breaks, main, published
from contracts.generate import SCHEMAS

INTEGER, TEXT = {"type": "integer"}, {"type": "string"}
NULL, LIST = {"type": "null"}, {"type": "array"}


def of(required: list[str], **properties: object) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def nested(inner: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": "#/$defs/Case"}
    return of(["cases"], cases={"type": "array", "items": reference}) | {"$defs": {"Case": inner}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(of(["a"], a=INTEGER), of(["a"], a=INTEGER), id="nothing changed"),
        pytest.param(of(["a"], a=INTEGER), of(["a"], a=INTEGER, b=TEXT), id="an optional property more"),
        pytest.param(of(["a"], a=INTEGER), of(["a"], a=INTEGER | {"description": "new"}), id="another description"),
        pytest.param(of([], a={"enum": ["x", "y"]}), of([], a={"enum": ["y", "x"]}), id="words in another order"),
        pytest.param(of([], a={"anyOf": [TEXT, NULL]}), of([], a={"anyOf": [NULL, TEXT]}), id="types in another order"),
        pytest.param(nested(of(["a"], a=TEXT)), nested(of(["a"], a=TEXT, b=TEXT)), id="an optional one more inside"),
        pytest.param(
            of([], a=INTEGER),
            of([], a={"$ref": "#/$defs/Id"}) | {"$defs": {"Id": INTEGER}},
            id="the same type by reference",
        ),
    ],
)
def test_an_addition_or_a_rewording_breaks_nothing(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert breaks(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        (of([], a=TEXT, b=TEXT), of([], a=TEXT), "$.b: is gone"),
        (of(["a"], a=TEXT), of(["a", "b"], a=TEXT, b=TEXT), "$.b: is newly required"),
        (of([], a=TEXT), of(["a"], a=TEXT), "$.a: is newly required"),
        (of(["a"], a=TEXT), of([], a=TEXT), "$.a: may newly be missing"),
        (of([], a=TEXT), of([], a=INTEGER), "$.a: was string, is integer"),
        (of([], a=TEXT), of([], a={"anyOf": [TEXT, NULL]}), "$.a: was string, is null or string"),
        (of([], a={"anyOf": [TEXT, NULL]}), of([], a=TEXT), "$.a: was null or string, is string"),
        (of([], a=TEXT), of([], a=TEXT | {"format": "uuid"}), "$.a: was string, is string (uuid)"),
        (of([], a=TEXT), of([], a=TEXT | {"maxLength": 9}), "$.a: maxLength was None, is 9"),
        (of([], a={"enum": ["x", "y"]}), of([], a={"enum": ["x"]}), "$.a: was one of ['x', 'y'], is one of ['x']"),
        (of([], a={"const": "x"}), of([], a={"enum": ["x", "y"]}), "$.a: was one of ['x'], is one of ['x', 'y']"),
        (of([], a=LIST | {"items": TEXT}), of([], a=LIST | {"items": INTEGER}), "$.a[]: was string, is integer"),
        (of([], a=LIST | {"items": TEXT}), of([], a=LIST), "$.a[]: was string, is anything"),
        (
            of([], a={"type": "object", "additionalProperties": TEXT}),
            of([], a={"type": "object", "additionalProperties": INTEGER}),
            "$.a.*: was string, is integer",
        ),
        (nested(of([], a=TEXT)), nested(of([])), "$.cases[].a: is gone"),
        (nested(of([], a=TEXT)), nested(of(["a"], a=TEXT)), "$.cases[].a: is newly required"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_break_is_named_by_its_path(old: dict[str, Any], new: dict[str, Any], broken: str) -> None:
    assert breaks(old, new) == [broken]


def test_the_schemas_break_nothing_that_the_newest_release_published() -> None:
    assert main([]) == 0


def test_a_published_directory_is_compared_file_by_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, folder)
    assert main(["--against", str(folder)]) == 0

    due = json.loads((folder / "task.due.v1.json").read_text("utf-8"))
    due["properties"]["priority"] = INTEGER
    (folder / "task.due.v1.json").write_text(json.dumps(due))
    (folder / "task.overdue.v1.json").write_text("{}")
    assert main(["--against", str(folder)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "task.due.v1.json $.priority: is gone",
        "task.overdue.v1.json $: is gone",
    ]


@pytest.mark.parametrize("against", ["no-such-revision", str(SCHEMAS.parent)])
def test_a_place_where_nothing_is_published_is_no_success(against: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--against", against])
    assert ended.value.code == 2


def test_the_schemas_of_a_git_revision_are_found() -> None:
    assert "task.due.v1.json" in published("HEAD")
