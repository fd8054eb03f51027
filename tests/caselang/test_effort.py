"""What is surely judged within some ms, and what is not; and that JSON is refused by its depth alone."""

import json
from typing import Any

import pytest

from caselang.asserts import Assert, Capture
from caselang.effort import is_quick
from caselang.response import NotJson, Response
from caselang.supported import EVERYTHING

KIB = 1024


@pytest.mark.parametrize(
    ("kind", "expr", "kib", "quick"),
    [
        ("jsonpath", "$.a.b[0]", 60, True), ("jsonpath", "$.a.b[0]", 70, False), ("jsonpath", "$.a[*].b", 3, True),
        ("jsonpath", "$.a[*].b", 5, False), ("jsonpath", "$..b", 3, True), ("jsonpath", "$..a..b", 0, False),
        ("jsonpath", "$[0,0][0,0]", 0, False), ("jsonpath", "$[?@.a]", 0, False), ("jsonpath", "$.{{a}}", 0, False),
        ("jmespath", "a.b[0]", 3, True), ("jmespath", "[@, @][]", 0, False), ("jmespath", "a.b[0]", 5, False),
        ("xpath", "//a", 3, True), ("xpath", "//a//b", 0, False), ("xpath", "//a[1]", 0, False),
        ("xpath", "count(//a)", 0, False), ("regex", "(a+)+$", 60, True), ("status", None, 60, True),
        ("body", None, 60, True), ("body", None, 70, False),
    ],
)  # fmt: skip
def test_what_is_quick(kind: str, expr: str | None, kib: int, quick: bool) -> None:
    query = {"type": kind} | ({} if expr is None else {"expr": expr})
    context = {"supported": EVERYTHING}
    asserts = [Assert.model_validate({"query": query, "predicate": "exists"}, context=context)]
    captures = [Capture.model_validate({"name": "a", "query": query}, context=context)]

    assert is_quick(kib * KIB, [], asserts) is quick
    assert is_quick(kib * KIB, captures, []) is quick


def test_a_schema_is_never_surely_quick() -> None:
    document = {"query": {"type": "body"}, "predicate": "matches_schema", "value": {"type": "object"}}

    assert not is_quick(10, [], [Assert.model_validate(document, context={"supported": EVERYTHING})])


def _nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = {"[": inner}
    return inner


@pytest.mark.parametrize("text", ["[[[[", '"', "\\", '\\"[', "}]}]", "ü[", '["]'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_brackets_inside_texts_make_nothing_deeper(text: str, encoding: str) -> None:
    just, deeper = ([[text] * 200, _nested(99 + extra, text)] for extra in (0, 1))

    def read(value: Any) -> Any:
        return Response(200, [], json.dumps(value, ensure_ascii=False).encode(encoding), "http://x/", 1.0).json()

    assert read(just) == just
    with pytest.raises(NotJson, match="nested more than 100 deep"):
        read(deeper)
