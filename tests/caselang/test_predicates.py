"""Query × predicate: right, wrong, absent, wrong type; plain and negated."""

from typing import Any

import pytest

from caselang.asserts import Assert
from caselang.judgement import judge_assert
from caselang.response import Response
from caselang.supported import EVERYTHING

BODY = (
    b'{"id": 9007199254740993, "price": 1.0, "name": "Ann Lee", "empty": "", "nothing": null, "paid": true, "one": 1,'
    b' "roles": ["admin", "qa"], "none": [], "user": {"age": 30}, "day": "2025-08-26", "at": "2025-08-26T07:00:00Z",'
    b' "items": [{"id": 1, "ok": true}, {"id": 2, "ok": false}], "digits": "1", "zero": 0, "chinese": "\xe4\xb8\xad"}'
)
RESPONSE = Response(
    status=201,
    headers=[
        ("Content-Type", "application/json"),
        ("X-Tag", "a"),
        ("x-tag", "b"),
        ("Set-Cookie", "sid=abc; Path=/; HttpOnly; Max-Age=60"),
    ],
    body=BODY,
    url="https://qa.example.test/orders?page=1",
    duration_ms=120.5,
    ip="203.0.113.7",
)
VARIABLES = {"token": "t-1", "n": 5, "null": None, "user": {"roles": ["x"]}, "wanted": 201, "list": [1, 2]}
NAMES = {
    "name": "$.name", "id": "$.id", "price": "$.price", "empty": "$.empty", "null": "$.nothing", "paid": "$.paid",
    "one": "$.one", "roles": "$.roles", "none": "$.none", "user": "$.user", "day": "$.day", "at": "$.at",
    "digits": "$.digits", "zero": "$.zero", "absent": "$.absent", "ids": "$.items[*].id", "no ids": "$.nope[*].id",
    "big items": "$.items[?@.id > 1]", "chinese": "$.chinese",
}  # fmt: skip


def _query(name: str) -> dict[str, str]:
    kind, _, expr = name.partition(":")
    if expr:
        return {"type": kind, "expr": expr}
    return {"type": "jsonpath", "expr": NAMES[name]} if name in NAMES else {"type": name}


def _judge(query: str, predicate: str, value: Any, negated: bool) -> tuple[bool, str | None]:
    document: dict[str, Any] = {"query": _query(query), "predicate": predicate, "not": negated}
    if value is not ...:
        document["value"] = value
    one = Assert.model_validate(document, context={"supported": EVERYTHING})
    result = judge_assert(one, RESPONSE, VARIABLES)
    return result.passed, result.message


HOLDS = [
    ("status", "==", 201), ("status", "==", "2xx"), ("status", "==", ["4xx", 201]),
    ("status", "==", ["2xx"]), ("status", "!=", 200), ("status", "!=", "4xx"), ("status", "!=", [200, "5xx"]),
    ("status", "==", "{{wanted}}"), ("status", "<", 300), ("status", "<=", 201), ("status", ">", 200),
    ("status", ">=", 201), ("status", "between", [200, 299]), ("status", "between", [201, 201]),
    ("status", "in", [200, 201]), ("status", "is_integer", ...), ("status", "exists", ...),
    ("header:Content-Type", "==", "application/json"), ("header:content-type", "contains", "json"),
    ("header:CONTENT-TYPE", "starts_with", "application/"), ("header:Content-Type", "ends_with", "/json"),
    ("header:Content-Type", "matches", "^[a-z]+/json$"), ("header:Content-Type", "exists", ...),
    ("header:X-Tag", "contains", "b"), ("header:X-Tag", "count", 2), ("header:X-Tag", "==", ["a", "b"]),
    ("cookie:sid", "==", "abc"), ("cookie:sid[Value]", "==", "abc"), ("cookie:sid[Max-Age]", "==", 60),
    ("cookie:sid[HttpOnly]", "==", True), ("cookie:sid[Path]", "==", "/"), ("cookie:sid", "exists", ...),
    ("body", "contains", '"price"'), ("body", "starts_with", "{"), ("body", "ends_with", "}"),
    ("body", "matches", r'"id": \d+'), ("body", "is_string", ...),
    ("body", "matches_schema", {"type": "object", "required": ["id", "roles"]}),
    ("body", "matches_schema", {"properties": {"roles": {"items": {"enum": ["admin", "qa"]}}}}),
    ("bytes", "starts_with", "7b22"), ("bytes", "contains", "e4b8ad"), ("bytes", "ends_with", "7D"),
    ("bytes", "count", len(BODY)), ("bytes", "==", BODY.hex()), ("bytes", "!=", "00"),
    ("id", "==", 9007199254740993), ("id", "!=", 9007199254740992), ("id", ">", 9007199254740992),
    ("id", "is_integer", ...),
    ("price", "==", 1), ("price", "==", 1.0), ("price", "is_float", ...), ("one", "==", 1.0),
    ("one", "is_integer", ...),
    ("one", "!=", "1"), ("one", "!=", True), ("digits", "!=", 1), ("digits", "==", "1"), ("digits", "is_string", ...),
    ("paid", "==", True), ("paid", "!=", 1), ("paid", "!=", "true"), ("paid", "is_boolean", ...), ("zero", "!=", False),
    ("zero", "==", 0), ("zero", "==", -0.0), ("zero", "<", 0.5), ("zero", "exists", ...),
    ("name", "==", "Ann Lee"), ("name", "contains", "n L"), ("name", "starts_with", "Ann"),
    ("name", "ends_with", "Lee"),
    ("name", "matches", "(?i)ann"), ("name", "in", ["Bob", "Ann Lee"]), ("name", "<", "Bob"), ("name", ">", "Amy"),
    ("name", "between", ["A", "B"]), ("chinese", "==", "中"), ("chinese", "matches", r"^\p{Han}$"),
    ("empty", "==", ""), ("empty", "is_empty", ...), ("empty", "exists", ...), ("empty", "contains", ""),
    ("null", "==", None), ("null", "exists", ...), ("null", "is_null", ...), ("null", "!=", ""), ("null", "!=", 0),
    ("null", "in", [1, None]),
    ("roles", "==", ["admin", "qa"]), ("roles", "!=", ["qa", "admin"]), ("roles", "contains", "qa"),
    ("roles", "count", 2), ("roles", "is_list", ...), ("none", "is_empty", ...), ("none", "count", 0),
    ("none", "==", []), ("none", "exists", ...),
    ("user", "==", {"age": 30}), ("user", "==", {"age": 30.0}), ("user", "!=", {"age": "30"}),
    ("user", "is_object", ...),
    ("user", "matches_schema", {"type": "object", "properties": {"age": {"minimum": 18}}}),
    ("day", "is_date", ...), ("at", "is_date", ...), ("at", ">", "2025-08-26T06:59:59Z"),
    ("ids", "==", [1, 2]), ("ids", "count", 2), ("ids", "contains", 2), ("ids", "contains", 2.0),
    ("ids", "exists", ...),
    ("ids", "is_list", ...), ("no ids", "count", 0), ("no ids", "is_empty", ...), ("no ids", "==", []),
    ("big items", "count", 1), ("big items", "==", [{"id": 2, "ok": False}]),
    ("jmespath:roles[0]", "==", "admin"), ("jmespath:length(items)", "==", 2), ("jmespath:items[?ok].id", "==", [1]),
    ('regex:"name": "(\\w+)', "==", "Ann"), ("regex:Ann", "==", "Ann"),
    ('regex:"id": (\\d+)', "==", "9007199254740993"),
    ("url", "ends_with", "?page=1"), ("url", "contains", "qa.example.test"), ("duration", "<", 800),
    ("duration", ">=", 120.5), ("duration", "between", [0, 1000]), ("duration", "is_float", ...),
    ("ip", "==", "203.0.113.7"), ("ip", "exists", ...),
    ("variable:token", "==", "t-1"), ("variable:n", ">", 4), ("variable:null", "exists", ...),
    ("variable:null", "is_null", ...), ("variable:user.roles[0]", "==", "x"), ("variable:list", "==", "{{list}}"),
    ("variable:user.roles", "contains", "x"),
]  # fmt: skip

DOES_NOT_HOLD = [
    ("status", "==", 200), ("status", "==", "4xx"), ("status", "==", [200, "3xx"]), ("status", "==", []),
    ("status", "!=", 201), ("status", "!=", "2xx"), ("status", "<", 201), ("status", ">", 201), ("status", "<=", 200),
    ("status", ">=", 202), ("status", "between", [400, 499]), ("status", "in", [200, 204]), ("status", "in", ["201"]),
    ("status", "is_string", ...), ("status", "is_null", ...), ("status", "is_float", ...),
    ("header:Content-Type", "==", "application/JSON"), ("header:Content-Type", "contains", "xml"),
    ("header:X-Tag", "==", "a"), ("header:X-Tag", "count", 1), ("cookie:sid", "==", "ABC"),
    ("cookie:sid[Max-Age]", "==", "60"), ("body", "contains", "nope"), ("body", "matches", "^x"),
    ("body", "matches_schema", {"type": "array"}), ("body", "matches_schema", {"required": ["absent"]}),
    ("bytes", "starts_with", "00"), ("bytes", "count", 3),
    ("id", "==", 9007199254740992), ("id", "==", 9007199254740992.0), ("id", "==", "9007199254740993"),
    ("id", "is_float", ...), ("price", "is_integer", ...), ("price", "==", "1.0"), ("price", "==", True),
    ("one", "==", "1"), ("one", "==", True), ("one", "==", [1]), ("one", "is_boolean", ...), ("digits", "==", 1),
    ("digits", "is_integer", ...), ("paid", "==", 1), ("paid", "==", "true"), ("paid", "==", False),
    ("paid", "in", [1, "true"]), ("paid", "is_integer", ...), ("zero", "==", False), ("zero", "==", None),
    ("zero", "==", ""), ("name", "==", "ann lee"), ("name", "contains", "ann"), ("name", "starts_with", "nn"),
    ("name", "ends_with", "le"), ("name", "matches", "^Lee"), ("name", "in", []), ("name", "in", ["Ann"]),
    ("name", "<", "Aa"), ("name", "is_empty", ...), ("name", "is_date", ...), ("name", "is_list", ...),
    ("empty", "==", None), ("empty", "==", 0), ("empty", "is_null", ...), ("null", "==", "null"), ("null", "==", 0),
    ("null", "==", False), ("null", "is_string", ...), ("null", "in", ["", 0, False]), ("null", "is_object", ...),
    ("roles", "==", ["admin"]), ("roles", "==", "admin"), ("roles", "contains", "q"), ("roles", "contains", ["qa"]),
    ("roles", "count", 3), ("roles", "is_object", ...), ("none", "count", 1), ("none", "==", None), ("user", "==", {}),
    ("user", "==", {"age": 30, "x": 1}), ("user", "==", {"age": True}), ("user", "is_list", ...),
    ("user", "is_empty", ...),
    ("user", "matches_schema", {"properties": {"age": {"type": "string"}}}),
    ("user", "matches_schema", {"additionalProperties": False}), ("user", "matches_schema", False),
    ("one", "is_date", ...), ("digits", "is_date", ...), ("ids", "==", [2, 1]), ("ids", "count", 3),
    ("ids", "contains", "1"), ("ids", "contains", True), ("ids", "is_empty", ...), ("no ids", "exists", ...),
    ("no ids", "count", 1), ("jmespath:roles[0]", "==", "qa"), ("regex:(\\d)", "==", 9), ("url", "==", "x"),
    ("duration", "<", 100), ("duration", "is_integer", ...), ("ip", "starts_with", "10."),
    ("variable:token", "==", "t-2"),
    ("variable:n", "==", "5"), ("variable:list", "==", [1]),
]  # fmt: skip

FINDS_NOTHING = [
    ("absent", "nothing at $.absent"), ("header:X-None", "no header X-None"), ("cookie:other", "no cookie other"),
    ("cookie:sid[Domain]", "no Domain"), ("jmespath:absent", "nothing at absent"), ("jmespath:nothing", "nothing at"),
    ("jmespath:abs(name)", "cannot be followed"), ("xpath://a", "no XML"), ("regex:zzz", "does not match"),
    ("certificate:Subject", "no TLS"), ("variable:nope", "nope is not defined"),
    ("variable:user.name", "user.name is not defined"), ("variable:list[7]", "list[7] is not defined"),
]  # fmt: skip
WITH_VALUES = [
    ("==", None), ("!=", 1), ("<", 1), ("<=", "a"), (">", 1), (">=", 1), ("between", [1, 2]), ("in", [None]),
    ("contains", "a"), ("starts_with", ""), ("ends_with", ""), ("matches", ""), ("count", 0), ("matches_schema", True),
    ("is_empty", ...), ("is_integer", ...), ("is_float", ...), ("is_boolean", ...), ("is_string", ...),
    ("is_list", ...),
    ("is_object", ...), ("is_null", ...), ("is_date", ...),
]  # fmt: skip

DOES_NOT_APPLY = [
    ("name", "<", 5), ("one", "<", "5"), ("one", "<=", "1"), ("paid", "<", 2), ("paid", ">=", "a"), ("null", ">", 0),
    ("null", "<", ""), ("roles", "<", 3), ("user", ">", "a"), ("name", "between", [1, 2]),
    ("one", "between", ["0", "2"]),
    ("one", "between", [0, "2"]), ("one", "contains", 1), ("one", "contains", "1"), ("null", "contains", "n"),
    ("user", "contains", "age"), ("name", "contains", 1), ("one", "starts_with", "1"),
    ("roles", "starts_with", "admin"),
    ("null", "ends_with", ""), ("one", "matches", r"\d"), ("roles", "matches", "admin"), ("null", "matches", "null"),
    ("name", "count", 7), ("user", "count", 1), ("one", "count", 1), ("null", "count", 0), ("one", "is_empty", ...),
    ("null", "is_empty", ...), ("paid", "is_empty", ...), ("bytes", "contains", "xyz"), ("bytes", "==", "not hex"),
    ("name", "in", "{{token}}"), ("one", "between", "{{n}}"), ("name", "matches", "{{bad}}"),
    ("user", "matches_schema", "{{n}}"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "predicate", "value"), HOLDS)
def test_a_predicate_holds_and_its_negation_does_not(query: str, predicate: str, value: Any) -> None:
    assert _judge(query, predicate, value, negated=False) == (True, None)
    assert _judge(query, predicate, value, negated=True)[0] is False


@pytest.mark.parametrize(("query", "predicate", "value"), DOES_NOT_HOLD)
def test_a_predicate_does_not_hold_and_its_negation_does(query: str, predicate: str, value: Any) -> None:
    assert _judge(query, predicate, value, negated=False)[0] is False
    assert _judge(query, predicate, value, negated=True) == (True, None)


@pytest.mark.parametrize(("query", "why"), FINDS_NOTHING)
def test_a_query_that_finds_nothing_fails_every_predicate_but_exists_and_says_why(query: str, why: str) -> None:
    for predicate, value in WITH_VALUES:
        for negated in (False, True):
            passed, message = _judge(query, predicate, value, negated)
            assert not passed
            assert message is not None
            assert message.startswith("nothing was found")
            assert why in message
    assert _judge(query, "exists", ..., negated=True) == (True, None)
    passed, message = _judge(query, "exists", ..., negated=False)
    assert not passed
    assert message is not None
    assert why in message


@pytest.mark.parametrize(("query", "predicate", "value"), DOES_NOT_APPLY)
def test_a_predicate_that_means_nothing_for_a_type_fails_negated_or_not_and_says_so(
    query: str, predicate: str, value: Any
) -> None:
    document = {"query": _query(query), "predicate": predicate} | ({} if value is ... else {"value": value})
    for negated in (False, True):
        one = Assert.model_validate({**document, "not": negated}, context={"supported": EVERYTHING})
        result = judge_assert(one, RESPONSE, {**VARIABLES, "bad": "(?=a)"})
        assert not result.passed
        assert result.message


@pytest.mark.parametrize(
    ("text", "is_date"),
    [
        ("2025-08-26", True), ("2024-02-29", True), ("2025-02-29", False), ("2025-13-01", False), ("20250826", False),
        ("2025-08-26T07:00:00", True), ("2025-08-26T07:00:00Z", True), ("2025-08-26t07:00:00z", True),
        ("2025-08-26T07:00:00.123456+08:00", True), ("2025-08-26T25:00:00Z", False), ("2025-08-26T07:00", False),
        ("2025-W35-2", False), ("26.8.2025", False), ("", False), ("2025-08-26\n", False),
    ],
)  # fmt: skip
def test_a_date_is_a_day_or_a_time_that_is_in_the_calendar(text: str, is_date: bool) -> None:
    one = Assert.model_validate(
        {"query": {"type": "variable", "expr": "day"}, "predicate": "is_date"}, context={"supported": EVERYTHING}
    )
    assert judge_assert(one, None, {"day": text}).passed is is_date


def test_a_failed_schema_names_the_places_where_it_fails() -> None:
    schema = {"properties": {"user": {"properties": {"age": {"maximum": 18}}}}}
    assert _judge("body", "matches_schema", schema, negated=False) == (
        False,
        "$.user.age: 30 is greater than the maximum of 18",
    )
