"""What a document may say, and how a fault is told."""

import copy
import json
from typing import Any

import pytest

from caselang.document import Case, GroupStep, RequestStep, calls, parse, variables_used, walk
from caselang.faults import DocumentInvalid
from caselang.supported import EVERYTHING, SUPPORTED
from caselang.yamltext import load_yaml

WHOLE = load_yaml("""
apiVersion: rounds/v1
kind: Case
name: Order is paid
tags: [smoke]
variables: {currency: EUR}
data:
  - {amount: 5}
  - {amount: 0}
options: {timeout_ms: 600000, failed_stop: true, retry: {max: 1, interval_ms: 1000, backoff: 2.0}, locks: [account-qa1],
          on_worker_loss: error}
steps:
  - name: log in
    type: request
    request:
      method: POST
      url: "{{base_url}}/login"
      headers: {Accept: application/json}
      query: {verbose: "1"}
      auth: {type: bearer, token: "{{api_token}}"}
      body: {json: {user: "{{user}}", password: "{{password}}"}}
    captures:
      - {name: token, query: {type: jsonpath, expr: "$.token"}}
      - {name: nick, query: {type: jsonpath, expr: "$.nick"}, optional: true, default: nobody}
    asserts:
      - {query: {type: status}, predicate: "==", value: 200}
      - {query: {type: header, expr: Content-Type}, predicate: contains, value: json}
      - {query: {type: jsonpath, expr: "$.roles"}, predicate: count, value: 2}
      - {query: {type: duration}, predicate: "<", value: 800}
      - {query: {type: body}, predicate: matches_schema, value: {type: object, required: [token]}}
    options: {timeout_ms: 10000, follow_redirects: true, max_redirects: 10, verify_tls: true,
              retry: {max: 3, interval_ms: 500, backoff: 1.0}}
  - {name: settle, type: wait, duration_ms: 500}
  - {name: defaults, type: set, variables: {page: 1}}
  - {name: shared log-in, type: call, case_id: 17, variables: {user: bob}}
  - name: every item
    type: group
    when: {query: {type: variable, expr: token}, predicate: exists}
    for_each: {in: "{{items}}", as: item, max: 1000}
    steps: [{type: wait, duration_ms: 1, enabled: false}]
  - name: until it is ready
    type: group
    repeat_until: {query: {type: variable, expr: state}, predicate: "==", value: done, max: 30, interval_ms: 1000}
    steps: [{type: wait, duration_ms: 1}]
  - {type: sql, connection: main, statement: "select * from orders where id = $1", parameters: ["{{id}}"], as: rows,
     asserts: [{query: {type: variable, expr: "rows[0].paid"}, predicate: "==", value: true}]}
teardown: [{type: wait, duration_ms: 1}]
""")

A_WAIT = {"type": "wait", "duration_ms": 1}


def _case(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "rounds/v1", "kind": "Case", "name": "a case", "steps": [_step()]} | fields


def _step(**fields: Any) -> dict[str, Any]:
    return {"type": "request", "request": {"url": "http://x.test/"}} | fields


def _request(**fields: Any) -> dict[str, Any]:
    return _case(steps=[_step(request={"url": "http://x.test/"} | fields)])


def _assert(query: dict[str, Any], predicate: str = "exists", **fields: Any) -> dict[str, Any]:
    return _case(steps=[_step(asserts=[{"query": query, "predicate": predicate} | fields])])


def _capture(**fields: Any) -> dict[str, Any]:
    return _case(steps=[_step(captures=[{"name": "a", "query": {"type": "status"}} | fields])])


def _nested(depth: int) -> dict[str, Any]:
    step: dict[str, Any] = {"type": "wait", "duration_ms": 1}
    for _ in range(depth):
        step = {"type": "group", "steps": [step]}
    return step


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_the_whole_format_is_read() -> None:
    case = parse(WHOLE, EVERYTHING)
    first = case.steps[0]
    assert isinstance(first, RequestStep)
    assert first.request.headers == [("Accept", "application/json")]
    assert first.request.body is not None
    assert first.request.body.kind == "json"
    assert first.captures[1].has_default
    assert not first.captures[0].has_default
    assert isinstance(case.steps[4], GroupStep)
    assert case.steps[4].for_each is not None
    assert case.steps[4].for_each.items == "{{items}}"
    assert variables_used(case) == [
        "base_url",
        "api_token",
        "user",
        "password",
        "token",
        "items",
        "state",
        "id",
        "rows",
    ]


def test_steps_are_walked_in_order_with_those_of_groups_and_calls_are_listed_once() -> None:
    call = {"type": "call", "case_id": 5}
    group = {"type": "group", "steps": [call, {"type": "call", "case_id": 7}]}
    case = parse(
        _case(steps=[A_WAIT, group, call], teardown=[{"type": "call", "case_id": 6, "enabled": False}]), EVERYTHING
    )
    assert [step.type for step in walk(case)] == ["wait", "group", "call", "call", "call", "call"]
    assert calls(case) == [5, 7, 6]


def test_reading_leaves_the_document_as_it_was() -> None:
    before = copy.deepcopy(WHOLE)
    parse(WHOLE, EVERYTHING)
    assert before == WHOLE


@pytest.mark.parametrize(
    "document",
    [
        _case(), _case(tags=[], variables={}, teardown=[], options={}), _case(name="登录 " * 20),
        _case(variables={"名": None}),
        _case(data=[{}]), _case(data=[{"a": n} for n in range(1_000)]),
        _case(options={"retry": {"max": 0}, "locks": []}),
        _case(options={"timeout_ms": 21_600_000, "failed_stop": None}), _case(variables={"a": "\\{{ not a template"}),
        _case(steps=[{"type": "wait", "duration_ms": 600_000}]),
        _case(steps=[{"type": "set", "variables": {"a": [1]}}]),
        _request(method="PATCH", headers=[["A", "1"], ["a", "{{b}}"]]), _request(headers={"X-{{a}}": "b", "x.y_z": ""}),
        _request(url="{{base_url}}"), _request(url="HTTPS://x.test"), _request(body={"json": None}),
        _request(body={"json": [1, {"a": 1.5}]}), _request(body={"text": ""}), _request(body={"form": {"a": "b"}}),
        _request(body={"form": [["a", "1"], ["a", "2"]]}),
        _request(auth={"type": "basic", "username": "", "password": ""}),
        _request(auth={"type": "api_key", "in": "query", "name": "k", "value": "v"}),
        _assert({"type": "status"}, "==", value="5xx"), _assert({"type": "status"}, "==", value=[200, "3xx"]),
        _assert({"type": "status"}, "==", value="{{wanted}}"), _assert({"type": "jsonpath", "expr": "$.a[{{i}}]"}),
        _assert({"type": "body"}, "==", value=None), _assert({"type": "body"}, "matches", value="^{{a}}$"),
        _assert({"type": "body"}, "contains", value="a", **{"not": True}), _capture(default=None),
        _case(variables={"a": _deep(90)}), _case(steps=[_step(when={"query": {"type": "variable", "expr": "a[0].b"},
                                                                   "predicate": "exists", "not": True})]),
    ],
)  # fmt: skip
def test_a_document_is_accepted(document: dict[str, Any]) -> None:
    assert isinstance(parse(document), Case)


STEP = "steps[0]"
EXPR = "steps[0].asserts[0].query.expr"
VALUE = "steps[0].asserts[0].value"


@pytest.mark.parametrize(
    ("document", "field", "reason"),
    [
        ([], "", "wrong_type"), ("x", "", "wrong_type"), (None, "", "wrong_type"), ({}, "steps", "missing"),
        (_case(apiVersion="rounds/v2"), "apiVersion", "not_supported"), (_case(kind="case"), "kind", "not_supported"),
        (_case(name=""), "name", "out_of_range"), (_case(name=" "), "name", "bad_format"),
        (_case(name="x" * 101), "name", "out_of_range"), (_case(name=5), "name", "wrong_type"),
        (_case(name="a\0b"), "name", "bad_format"), (_case(name="\ud800"), "name", "bad_format"),
        (_case(title="x"), "title", "unknown_field"), (_case(steps=[]), "steps", "out_of_range"),
        (_case(steps={}), "steps", "wrong_type"), (_case(tags=["a", "a"]), "tags", "duplicate"),
        (_case(tags="a"), "tags", "wrong_type"), (_case(tags=[1]), "tags[0]", "wrong_type"),
        (_case(variables={"1a": 1}), "variables.1a", "bad_format"),
        (_case(variables={"a b": 1}), "variables.a b", "bad_format"),
        (_case(variables=[]), "variables", "wrong_type"), (_case(variables={"a": ["{{"]}), "variables.a", "bad_format"),
        (_case(variables={"a": float("nan")}), "variables.a", "bad_format"),
        (_case(variables={1: 1}), "variables", "wrong_type"),
        (_case(variables={"a": [float("inf")]}), "variables.a[0]", "bad_format"),
        (_case(variables={"a": {"b": b"x"}}), "variables.a.b", "wrong_type"),
        (_case(variables={"a": (1,)}), "variables.a", "wrong_type"),
        (_case(variables={"a": 10**1300}), "variables.a", "out_of_range"),
        (_case(variables={"a": {"\0": 1}}), "variables.a", "bad_format"),
        (_case(variables={"a": "x" * 524_288}), "", "out_of_range"),
        (_case(variables={"a": _deep(2_000)}), "variables.a" + "[0]" * 99, "out_of_range"),
        (_case(data=[]), "data", "out_of_range"), (_case(data=[{}] * 1_001), "data", "out_of_range"),
        (_case(data={}), "data", "wrong_type"), (_case(data=[{"a": 1}, 5]), "data[1]", "wrong_type"),
        (_case(data=[{"a": "{{$}}"}]), "data[0].a", "bad_format"),
        (_case(options={"timeout_ms": 0}), "options.timeout_ms", "out_of_range"),
        (_case(options={"timeout_ms": True}), "options.timeout_ms", "wrong_type"),
        (_case(options={"timeout_ms": 21_600_001}), "options.timeout_ms", "out_of_range"),
        (_case(options={"timeout_ms": "1"}), "options.timeout_ms", "wrong_type"),
        (_case(options={"retry": {"max": 101}}), "options.retry.max", "out_of_range"),
        (_case(options={"retry": {"max": 1.5}}), "options.retry.max", "wrong_type"),
        (_case(options={"retry": {"backoff": 0.5}}), "options.retry.backoff", "out_of_range"),
        (_case(options={"locks": ["a", "a"]}), "options.locks", "duplicate"),
        (_case(options={"on_worker_loss": "x"}), "options.on_worker_loss", "not_supported"),
        (_case(steps=[5]), STEP, "wrong_type"), (_case(steps=[{}]), "steps[0].type", "missing"),
        (_case(steps=[{"type": "script"}]), "steps[0].type", "not_supported"),
        (_case(steps=[{"type": 5}]), "steps[0].type", "not_supported"),
        (_case(steps=[_step(), {"type": "wait"}]), "steps[1].duration_ms", "missing"),
        (_case(teardown=[{"type": "wait"}]), "teardown[0].duration_ms", "missing"),
        (_case(steps=[A_WAIT | {"duration_ms": 600_001}]), "steps[0].duration_ms", "out_of_range"),
        (_case(steps=[A_WAIT | {"duration_ms": -1}]), "steps[0].duration_ms", "out_of_range"),
        (_case(steps=[A_WAIT | {"duration_ms": 1.0}]), "steps[0].duration_ms", "wrong_type"),
        (_case(steps=[A_WAIT | {"enabled": 1}]), "steps[0].enabled", "wrong_type"),
        (_case(steps=[A_WAIT | {"asserts": []}]), "steps[0].asserts", "unknown_field"),
        (_case(steps=[{"type": "set", "variables": {}}]), "steps[0].variables", "out_of_range"),
        (_case(steps=[{"type": "set", "variables": {"a": "{{x"}}]), "steps[0].variables.a", "bad_format"),
        (_case(steps=[_step(when={"query": {"type": "status"}, "predicate": "exists"})]), "steps[0].when.query.type",
         "not_supported"),
        (_case(steps=[{"type": "call", "case_id": 0}]), "steps[0].case_id", "out_of_range"),
        (_case(steps=[{"type": "call", "case_id": "1"}]), "steps[0].case_id", "wrong_type"),
        (_case(steps=[{"type": "group", "steps": []}]), "steps[0].steps", "out_of_range"),
        (_case(steps=[_nested(11)]), STEP + ".steps[0]" * 10, "out_of_range"),
        (_case(steps=[{"type": "group", "steps": [A_WAIT], "for_each": {"in": 5, "as": "x"}}]), "steps[0].for_each.in",
         "wrong_type"),
        (_case(steps=[{"type": "group", "steps": [A_WAIT], "for_each": {"in": [], "as": "x", "max": 1_001}}]),
         "steps[0].for_each.max", "out_of_range"),
        (_case(steps=[{"type": "group", "steps": [A_WAIT],
         "repeat_until": {"query": {"type": "variable", "expr": "a"}, "predicate": "exists"}}]),
         "steps[0].repeat_until.max", "missing"),
        (_case(steps=[{"type": "group", "steps": [A_WAIT], "for_each": {"in": [], "as": "x"},
         "repeat_until": {"query": {"type": "variable", "expr": "a"}, "predicate": "exists", "max": 1}}]),
         "steps[0].repeat_until", "bad_format"),
        (_case(steps=[{"type": "group", "steps": [{"type": "group", "steps": [_step(request={})]}]}]),
         "steps[0].steps[0].steps[0].request.url", "missing"),
        (_case(steps=[{"type": "sql", "connection": "c", "statement": ""}]), "steps[0].statement", "out_of_range"),
        (_request(url="/login"), "steps[0].request.url", "bad_format"),
        (_request(url=""), "steps[0].request.url", "out_of_range"),
        (_request(url="ftp://x"), "steps[0].request.url", "bad_format"),
        (_request(url="{{base url}}"), "steps[0].request.url", "bad_format"),
        (_request(method="get"), "steps[0].request.method", "bad_format"),
        (_request(headers={"A": 1}), "steps[0].request.headers", "wrong_type"),
        (_request(headers=[["A"]]), "steps[0].request.headers", "wrong_type"),
        (_request(headers="A: 1"), "steps[0].request.headers", "wrong_type"),
        (_request(headers={"A B": "1"}), "steps[0].request.headers", "bad_format"),
        (_request(headers={"A": "1\r\nB: 2"}), "steps[0].request.headers", "bad_format"),
        (_request(headers={"A": "{{"}), "steps[0].request.headers", "bad_format"),
        (_request(query={"a": None}), "steps[0].request.query", "wrong_type"),
        (_request(auth={"type": "digest"}), "steps[0].request.auth.type", "not_supported"),
        (_request(auth={"type": "bearer"}), "steps[0].request.auth.token", "missing"),
        (_request(auth={"type": "bearer", "token": "{{ {"}), "steps[0].request.auth.token", "bad_format"),
        (_request(auth={"type": "api_key", "in": "body", "name": "a", "value": "b"}), "steps[0].request.auth.in",
         "not_supported"),
        (_request(body={}), "steps[0].request.body", "bad_format"),
        (_request(body={"json": 1, "text": "a"}), "steps[0].request.body", "bad_format"),
        (_request(body={"text": None}), "steps[0].request.body.text", "wrong_type"),
        (_request(body={"text": 5}), "steps[0].request.body.text", "wrong_type"),
        (_request(body={"xml": ""}), "steps[0].request.body.xml", "unknown_field"),
        (_request(body={"json": {"a": "{{"}}), "steps[0].request.body.json", "bad_format"),
        (_request(body={"multipart": [{"name": "a"}]}), "steps[0].request.body.multipart[0]", "bad_format"),
        (_case(steps=[_step(options={"max_redirects": 51})]), "steps[0].options.max_redirects", "out_of_range"),
        (_assert({"type": "statuscode"}), "steps[0].asserts[0].query.type", "not_supported"),
        (_assert({"type": "status"}, "equals", value=1), "steps[0].asserts[0].predicate", "not_supported"),
        (_assert({"type": "status", "expr": "x"}), EXPR, "unknown_field"),
        (_assert({"type": "header"}), EXPR, "missing"), (_assert({"type": "jsonpath", "expr": ""}), EXPR, "missing"),
        (_assert({"type": "jsonpath", "expr": "a.b"}), EXPR, "bad_format"),
        (_assert({"type": "jsonpath", "expr": "$.a[?match(@)]"}), EXPR, "bad_format"),
        (_assert({"type": "jmespath", "expr": "a["}), EXPR, "bad_format"),
        (_assert({"type": "xpath", "expr": "//["}), EXPR, "bad_format"),
        (_assert({"type": "regex", "expr": "(?=a)"}), EXPR, "bad_format"),
        (_assert({"type": "variable", "expr": "a b"}), EXPR, "bad_format"),
        (_assert({"type": "certificate", "expr": "issuer"}), EXPR, "bad_format"),
        (_assert({"type": "cookie", "expr": "a[Color]"}), EXPR, "bad_format"),
        (_assert({"type": "header", "expr": "{{"}), EXPR, "bad_format"),
        (_assert({"type": "body"}, "exists", value=None), VALUE, "unknown_field"),
        (_assert({"type": "body"}, "contains"), VALUE, "missing"),
        (_assert({"type": "status"}, "==", value="200"), VALUE, "wrong_type"),
        (_assert({"type": "status"}, "==", value="20x"), VALUE, "wrong_type"),
        (_assert({"type": "status"}, "!=", value=[200, True]), VALUE, "wrong_type"),
        (_assert({"type": "body"}, "matches", value="("), VALUE, "bad_format"),
        (_assert({"type": "body"}, "matches", value=5), VALUE, "wrong_type"),
        (_assert({"type": "duration"}, "<", value=True), VALUE, "wrong_type"),
        (_assert({"type": "duration"}, "between", value=[1]), VALUE, "wrong_type"),
        (_assert({"type": "status"}, "in", value=200), VALUE, "wrong_type"),
        (_assert({"type": "body"}, "count", value=-1), VALUE, "wrong_type"),
        (_assert({"type": "body"}, "count", value=1.0), VALUE, "wrong_type"),
        (_assert({"type": "body"}, "starts_with", value=1), VALUE, "wrong_type"),
        (_assert({"type": "body"}, "matches_schema", value={"type": "objekt"}), VALUE, "bad_format"),
        (_assert({"type": "body"}, "matches_schema", value=1), VALUE, "bad_format"),
        (_assert({"type": "body"}, "matches_schema", value={"$ref": "http://x.test/schema"}), VALUE, "bad_format"),
        (_assert({"type": "body"}, "matches_schema", value={"items": {"$ref": "#/$defs/none"}}), VALUE, "bad_format"),
        (_assert({"type": "body"}, "matches_schema", value={"pattern": "(?!a)"}), VALUE, "bad_format"),
        (_assert({"type": "body"}, "matches_schema", value={"$schema": "http://x.test/own"}), VALUE, "bad_format"),
        (_assert({"type": "body"}, "matches_schema",
         value={"patternProperties": {"a": True}, "unevaluatedProperties": False}), VALUE, "bad_format"),
        (_assert({"type": "body"}, "exists", negated=True), "steps[0].asserts[0].negated", "unknown_field"),
        (_capture(name="a-"), None, None), (_capture(name="$a"), "steps[0].captures[0].name", "bad_format"),
        (_capture(query=5), "steps[0].captures[0].query", "wrong_type"),
        (_case(steps=[_step(captures=[{"name": "a", "query": {"type": "status"}}] * 2)]), "steps[0].captures",
         "duplicate"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_field_and_reason(document: Any, field: str | None, reason: str | None) -> None:
    if field is None:
        parse(document, EVERYTHING)
        return
    with pytest.raises(DocumentInvalid) as caught:
        parse(document, EVERYTHING)
    assert (field, reason) in [(fault.field, fault.reason) for fault in caught.value.faults]
    assert all(fault.message for fault in caught.value.faults)


def test_all_faults_are_told_at_once() -> None:
    document = _case(name=5, steps=[_step(request={"url": "/x"}), {"type": "wait"}], extra=1)
    with pytest.raises(DocumentInvalid) as caught:
        parse(document)
    assert {fault.field for fault in caught.value.faults} == {
        "name", "steps[0].request.url", "steps[1].duration_ms", "extra",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "word", "field"),
    [
        ("step", "request", "steps[0].type"), ("step", "call", "steps[3].type"), ("step", "group", "steps[4].type"),
        ("step", "sql", "steps[6].type"), ("auth", "bearer", "steps[0].request.auth.type"),
        ("body", "json", "steps[0].request.body.json"), ("predicate", "count", "steps[0].asserts[2].predicate"),
        ("query", "jsonpath", "steps[0].captures[0].query.type"), ("query", "variable", "steps[4].when.query.type"),
        ("case option", "retry", "options.retry"), ("case option", "locks", "options.locks"),
        ("case option", "on_worker_loss", "options.on_worker_loss"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_by_name(kind: str, word: str, field: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        parse(WHOLE, {**EVERYTHING, kind: EVERYTHING[kind] - {word}})
    assert {fault.reason for fault in caught.value.faults} == {"not_supported"}
    assert (field, f"the {kind} {word!r} is not supported") in [
        (fault.field, fault.message) for fault in caught.value.faults
    ]


def test_a_function_that_cannot_be_run_is_refused_by_name() -> None:
    document = _case(variables={"a": ["{{$uuid}}"]})
    parse(document, EVERYTHING)
    with pytest.raises(DocumentInvalid) as caught:
        parse(document, {**EVERYTHING, "function": frozenset()})
    assert [(fault.field, fault.reason) for fault in caught.value.faults] == [("variables.a", "not_supported")]


def test_what_can_be_run_is_part_of_the_format() -> None:
    assert SUPPORTED.keys() == EVERYTHING.keys()
    for kind, words in SUPPORTED.items():
        assert words <= EVERYTHING[kind]


def test_the_size_counts_as_utf_8() -> None:
    document = _case(variables={"a": ""})
    room = 512 * 1024 - len(json.dumps(document).encode())
    parse(_case(variables={"a": "x" * room}))
    with pytest.raises(DocumentInvalid):
        parse(_case(variables={"a": "中" * (room // 2)}))
