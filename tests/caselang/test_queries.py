"""What queries give for unusual answers."""

import json
from typing import Any

import pytest

from caselang.asserts import Query
from caselang.expressions import jsonpath, plain_path
from caselang.queries import Found, NotFound, evaluate
from caselang.response import Response
from caselang.supported import EVERYTHING


def _ask(kind: str, expr: str | None, body: bytes = b"", headers: list[tuple[str, str]] | None = None) -> Any:
    query = Query.model_validate({"type": kind, "expr": expr}, context={"supported": EVERYTHING})
    response = Response(status=200, headers=headers or [], body=body, url="http://x/", duration_ms=1.0)
    return evaluate(query, response, {"i": 1, "key": "a"})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "the body is empty"),
        (b"  \n", "the body is empty"),
        (b"<html>", "the body is no JSON: Expecting value (line 1, column 1)"),
        (b'{"a": 1', "the body is no JSON"),
        (b"{'a': 1}", "the body is no JSON"),
        (b'{"a": NaN}', "JSON has no NaN"),
        (b'{"a": 1e999}', "1e999 is too large a number"),
        (b"\xff\xfe\xfd", "the body is no JSON"),
        (b"[" * 5_000 + b"]" * 5_000, "nested more than 100 deep"),
        (b"[" * 102 + b"]" * 102, "nested more than 100 deep"),
        (b"9" * 5_000, "the body is no JSON"),
    ],
)
def test_a_jsonpath_on_what_is_no_json_finds_nothing_and_says_why(body: bytes, why: str) -> None:
    for kind, expr in (("jsonpath", "$.a"), ("jsonpath", "$..a"), ("jmespath", "a")):
        found = _ask(kind, expr, body)
        assert isinstance(found, NotFound)
        assert why in found.message


@pytest.mark.parametrize(
    ("expr", "body", "found"),
    [
        ("$", b"5", Found(5)),
        ("$", b"null", Found(None)),
        ("$.a", b'\xef\xbb\xbf{"a": 1}', Found(1)),
        ("$['a b']", b'{"a b": [1]}', Found([1])),
        ("$.a[-1]", b'{"a": [1, 2]}', Found(2)),
        ("$.a[{{i}}]", b'{"a": [1, 2]}', Found(2)),
        ("$.{{key}}", b'{"a": 3}', Found(3)),
        ("$.中文.é名", '{"中文": {"é名": 4}}'.encode(), Found(4)),
        ("$.a[0:2]", b'{"a": [1]}', Found([1], nodes=True)),
        ("$..b", b'{"a": {"b": null}}', Found([None], nodes=True)),
        ("$[?@.n == 9007199254740993].n", b'[{"n": 9007199254740992}, {"n": 9007199254740993}]',
         Found([9007199254740993], nodes=True)),
        ("$[?match(@, 'a.c')]", b'["abc", "xabc", "a\\nc"]', Found(["abc"], nodes=True)),
        ("$[?search(@, 'b')]", b'["abc", "xyz", 5]', Found(["abc"], nodes=True)),
        ("$.a", b'{"a": 123456789012345678901234567890}', Found(123456789012345678901234567890)),
        ("$.a", b'{"a": 1, "a": 2}', Found(2)),
        ("$[1]", b"[1]", NotFound("nothing at $[1]")),
        ("$.a.b", b'{"a": "text"}', NotFound("nothing at $.a.b")),
    ],
)  # fmt: skip
def test_a_jsonpath_gives_a_value_if_it_is_singular_and_a_list_of_nodes_if_not(
    expr: str, body: bytes, found: Found | NotFound
) -> None:
    assert _ask("jsonpath", expr, body) == found


def test_a_regular_expression_in_a_filter_takes_linear_time() -> None:
    body = b'["' + b"a" * 50_000 + b'!"]'
    assert _ask("jsonpath", "$[?match(@, '(a+)+b')]", body) == Found([], nodes=True)
    assert _ask("regex", "(a+)+b", body) == NotFound("the body does not match")


def test_an_expression_that_a_template_breaks_finds_nothing() -> None:
    found = _ask("jsonpath", "$.[{{i}}", b"{}")
    assert isinstance(found, NotFound)
    assert "no JSONPath" in found.message


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "中".encode(), "中"),
        ("text/plain; charset=gbk", "中".encode("gbk"), "中"),
        ('text/plain; charset="ISO-8859-1"', b"\xe9", "é"),
        ("text/plain; charset=nonsense", b"a", "a"),
        ("text/plain", b"\xff", "\ufffd"),
        ("", b"a", "a"),
    ],
)
def test_a_body_is_decoded_by_the_charset_that_it_declares(content_type: str, body: bytes, text: str) -> None:
    assert _ask("body", None, body, [("Content-Type", content_type)]) == Found(text)


XML = b'<?xml version="1.0"?><r xmlns="urn:a" xmlns:p="urn:p"><p:b k="1">x</p:b><p:b k="2">y<i/>z</p:b></r>'


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        ("//p:b", Found(["x", "yz"], nodes=True)),
        ("//p:b/@k", Found(["1", "2"], nodes=True)),
        ("//p:b[1]/text()", Found(["x"], nodes=True)),
        ("/_:r/p:b", Found(["x", "yz"], nodes=True)),
        ("//p:none", Found([], nodes=True)),
        ("count(//p:b)", Found(2)),
        ("count(//p:b) div 4", Found(0.5)),
        ("string(//p:b)", Found("x")),
        ("string(//p:none)", Found("")),
        ("//p:b = 'x'", Found(value=True)),
        ("number('x')", NotFound("number('x') gives no number")),
    ],
)
def test_an_xpath_gives_texts_for_nodes_else_a_plain_value(expr: str, found: Found | NotFound) -> None:
    assert _ask("xpath", expr, XML) == found


def test_an_xpath_reads_html_too() -> None:
    page = b"<html><head><title>Hi</title><body><p>one<p>two"
    assert _ask("xpath", "string(//title)", page, [("Content-Type", "text/html; charset=utf-8")]) == Found("Hi")
    assert _ask("xpath", "count(//p)", page, [("Content-Type", "text/html")]) == Found(2)


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 20}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        '<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>',
        f'<!DOCTYPE r [<!ENTITY a0 "ha">{LAUGHS}]><r>&a11;</r>',
        f'<!DOCTYPE r [<!ENTITY a0 "ha">{LAUGHS}]><r k="&a11;"/>',
    ],
)
def test_xml_with_entities_of_its_own_is_not_read(body: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        found = _ask("xpath", "string(/r)", body.encode(encoding))
        assert isinstance(found, NotFound)
        assert "no XML" in found.message


def test_an_unknown_prefix_of_an_xpath_is_told() -> None:
    found = _ask("xpath", "//q:b", XML)
    assert isinstance(found, NotFound)
    assert "prefix" in found.message


def test_the_last_cookie_of_a_name_counts_and_its_value_is_kept_as_it_stands() -> None:
    headers = [("Set-Cookie", "a=1; Secure"), ("set-cookie", 'a="x=y" ; expires=Wed, 09 Jun 2027 10:18:14 GMT')]
    assert _ask("cookie", "a", headers=headers) == Found('"x=y"')
    assert _ask("cookie", "a[Expires]", headers=headers) == Found("Wed, 09 Jun 2027 10:18:14 GMT")
    assert _ask("cookie", "a[Secure]", headers=headers) == NotFound("the cookie has no Secure")


def test_without_an_answer_only_variables_are_found() -> None:
    for kind in ("status", "body", "duration"):
        query = Query.model_validate({"type": kind}, context={"supported": EVERYTHING})
        assert evaluate(query, None, {}) == NotFound("there is no answer")
    query = Query.model_validate({"type": "variable", "expr": "a"}, context={"supported": EVERYTHING})
    assert evaluate(query, None, {"a": None}) == Found(None)


def test_a_certificate_is_asked_in_the_words_of_hurl() -> None:
    response = Response(200, [], b"", "https://x/", 1.0, certificate={"Expire-Date": "2027-01-01T00:00:00Z"})
    for expr, found in (
        ("Expire-Date", Found("2027-01-01T00:00:00Z")),
        ("Subject", NotFound("the certificate has no Subject")),
    ):
        query = Query.model_validate({"type": "certificate", "expr": expr}, context={"supported": EVERYTHING})
        assert evaluate(query, response, {}) == found


PLAIN_PATHS = ["$", "$.a", "$.a.b", "$.list[0]", "$.list[1].id", "$.list[9]", "$[0]", "$.a[0]", "$.list.a", "$.null.x"]


@pytest.mark.parametrize("expr", PLAIN_PATHS)
def test_a_path_of_names_and_indexes_gives_what_the_library_gives(expr: str) -> None:
    value = {"a": {"b": [1]}, "list": [{"id": 1}, {"id": None}], "null": None}
    response = Response(200, [], json.dumps(value).encode(), "http://x", 1.0)
    assert plain_path(expr) is not None
    wanted = jsonpath(expr).find(value).values()

    found = evaluate(Query(type="jsonpath", expr=expr), response, {})

    assert found == (Found(wanted[0]) if wanted else NotFound(f"nothing at {expr}"))


@pytest.mark.parametrize(
    "expr", ["$.a[-1]", "$.a[01]", "$..a", "$.*", "$['a']", "$.a[0,1]", "$.a[?@.b]", "$.é", "$ .a"]
)
def test_any_other_path_is_left_to_the_library(expr: str) -> None:
    assert plain_path(expr) is None
