from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from caselang.template import (
    Functions,
    TemplateError,
    TemplateInvalid,
    UndefinedVariable,
    compile_template,
    is_template,
    names,
    render,
    text,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)
VARIABLES: dict[str, Any] = {
    "n": 1, "f": 1.0, "s": "text", "t": True, "null": None, "list": [1, {"a": ["x"]}],
    "object": {"a": {"b-c": 2}, "0": "z"},
    "tricky": "{{n}} \\{{n}} {{$uuid}}", "名字": "Ann", "x-y": "dash", "big": 9007199254740993,
}  # fmt: skip


def _functions() -> Functions:
    return Functions(now=NOW, random=Random(1), environment="qa")


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("", ""), ("plain", "plain"), ("{{n}}", 1), ("{{ n }}", 1), ("{{f}}", 1.0), ("{{t}}", True), ("{{null}}", None),
        ("{{list}}", [1, {"a": ["x"]}]), ("{{list[0]}}", 1), ("{{list[1].a[0]}}", "x"), ("{{object.a}}", {"b-c": 2}),
        ("{{object.a.b-c}}", 2), ("{{object.0}}", "z"), ("{{名字}}", "Ann"), ("{{x-y}}", "dash"),
        ("{{big}}", 9007199254740993), (" {{n}}", " 1"), ("{{n}}{{n}}", "11"), ("a{{n}}b{{s}}c", "a1btextc"),
        ("<{{t}}>", "<true>"), ("<{{null}}>", "<null>"), ("<{{f}}>", "<1.0>"), ("<{{big}}>", "<9007199254740993>"),
        ("<{{list}}>", '<[1,{"a":["x"]}]>'), ("<{{名字}}>", "<Ann>"), ("\\{{n}}", "{{n}}"), ("\\{{", "{{"),
        ("a\\{{n}}{{n}}", "a{{n}}1"), ("}}", "}}"), ("{ {n}}", "{ {n}}"), ("{n}", "{n}"),
        ('{"a":{"b":1}}', '{"a":{"b":1}}'),
        ("{{tricky}}", "{{n}} \\{{n}} {{$uuid}}"), ("-{{tricky}}", "-{{n}} \\{{n}} {{$uuid}}"), ("\\n{{n}}", "\\n1"),
        ({"a": "{{n}}", "b": ["{{s}}", 5, None]}, {"a": 1, "b": ["text", 5, None]}), ({"k{{n}}": 1}, {"k1": 1}),
        ({"{{n}}": "{{n}}"}, {"1": 1}), (5, 5), (None, None), (True, True),
        ("{{$timestamp}}", 1767323045), ("{{$iso_date}}", "2026-01-02T03:04:05Z"),
        ("{{$iso_date +1d}}", "2026-01-03T03:04:05Z"), ("{{$iso_date -2w}}", "2025-12-19T03:04:05Z"),
        ("{{$iso_date 90m}}", "2026-01-02T04:34:05Z"), ("{{ $iso_date  -30s }}", "2026-01-02T03:03:35Z"),
        ("{{$iso_date +1h}}!", "2026-01-02T04:04:05Z!"), ("{{$random_int 7 7}}", 7), ("{{$random_int -3 -3}}", -3),
        ("{{$random_int n n}}", 1), ('{{$base64 "a:b"}}', "YTpi"), ("{{$base64 s}}", "dGV4dA=="),
        ("{{$base64 n}}", "MQ=="),
        ("{{$base64 '中'}}", "5Lit"), ('{{$base64 "}}"}}', "fX0="), (r'{{$base64 "\"\\"}}', "Ilw="),
        ('{{$sha256 ""}}', "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("{{$sha256 object.a.b-c}}", "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35"),
        ('{{$hmac_sha256 "key" "The quick brown fox jumps over the lazy dog"}}',
         "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"),
        ("{{$env.name}}", "qa"), ("Basic {{$base64 '{{n}}'}}", "Basic e3tufX0="),
    ],
)  # fmt: skip
def test_a_template_is_rendered(template: Any, value: Any) -> None:
    rendered = render(template, VARIABLES, _functions())
    assert rendered == value
    assert type(rendered) is type(value)


@pytest.mark.parametrize(
    "broken",
    [
        "{{", "{{}}", "{{ }}", "{{n", "{{n}", "a {{n} b", "{{1a}}", "{{a b}}", "{{a.}}", "{{a[}}", "{{a[x]}}",
        "{{a[-1]}}",
        "{{.a}}", "{{a..b}}", "{{a+1}}", "{{'a'}}", "{{$nope}}", "{{$}}", "{{$uuid 1}}", "{{$base64}}",
        "{{$base64 a b}}",
        "{{$random_int 1}}", "{{$iso_date 5}}", "{{$iso_date +1x}}", "{{$iso_date +1d +1d}}", "{{$base64 +1d}}",
        "{{$env.other}}", "{{$iso_date +99999999999999d}}", "{{$base64 'a}}", "{{{n}}}",
    ],
)  # fmt: skip
def test_a_broken_template_is_refused(broken: str) -> None:
    with pytest.raises(TemplateInvalid):
        compile_template(broken)


@pytest.mark.parametrize(
    ("template", "name", "field"),
    [
        ("{{nope}}", "nope", ""),
        ("a {{n}} {{nope}}", "nope", ""),
        ("{{object.b}}", "object.b", ""),
        ("{{object.a.b-c.d}}", "object.a.b-c.d", ""),
        ("{{list[2]}}", "list[2]", ""),
        ("{{list.a}}", "list.a", ""),
        ("{{object[0]}}", "object[0]", ""),
        ("{{s[0]}}", "s[0]", ""),
        ("{{null.a}}", "null.a", ""),
        ("{{$sha256 nope}}", "nope", ""),
        ({"headers": [["A", "{{nope}}"]]}, "nope", "headers[0][1]"),
        ({"body": {"json": {"a": [1, {"b": "{{nope.x}}"}]}}}, "nope", "body.json.a[1].b"),
        ({"{{nope}}": 1}, "nope", "{{nope}}"),
        (["{{n}}", "{{nope}}"], "nope", "[1]"),
    ],
)
def test_an_undefined_name_is_an_error_that_tells_name_and_field(template: Any, name: str, field: str) -> None:
    with pytest.raises(UndefinedVariable) as caught:
        render(template, VARIABLES, _functions())
    assert (caught.value.name, caught.value.field) == (name, field)
    assert str(caught.value) == f"{name} is not defined"


@pytest.mark.parametrize(
    "template", ["{{$random_int 9 1}}", "{{$random_int s 1}}", "{{$random_int t 5}}", "{{$random_int 1.5 2}}",
                 "{{$iso_date +9999999d}}"],
)  # fmt: skip
def test_a_function_refuses_what_it_cannot_take(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template, VARIABLES, _functions())


def test_functions_that_were_not_given_cannot_be_used() -> None:
    with pytest.raises(TemplateError, match=r"\$uuid cannot be used here"):
        render("{{$uuid}}", {})
    with pytest.raises(UndefinedVariable):
        render("{{$env.name}}", {}, Functions(now=NOW, random=Random(1)))


def test_a_uuid_and_a_random_number_come_from_the_source_that_was_given() -> None:
    first, again = (render(["{{$uuid}}", "{{$random_int 1 1000000}}"], {}, _functions()) for _ in range(2))
    assert first == again
    assert first[0][14] == "4"
    assert 1 <= first[1] <= 1_000_000
    one = _functions()
    assert render("{{$uuid}}", {}, one) != render("{{$uuid}}", {}, one)


def test_names_are_listed_once_in_order_and_a_broken_text_has_none() -> None:
    value = [{"{{b.x}}": "{{$base64 c}} {{a[0]}}"}, "{{b}} \\{{d}}", "{{broken", {"k": ["{{$uuid}}", "{{e}}"]}]
    assert names(value) == ["b", "c", "a", "e"]


def test_a_literal_is_no_template() -> None:
    assert not is_template("\\{{n}}")
    assert not is_template({"a": ["b", 1]})
    assert is_template({"a": ["{{b}}"]})
    assert is_template({"{{a}}": 1})


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a", "a"),
        (1, "1"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        ([1, "a"], '[1,"a"]'),
        ({"中": 1}, '{"中":1}'),
    ],
)
def test_a_value_inside_a_text_is_written_as_json_and_a_string_bare(value: Any, written: str) -> None:
    assert text(value) == written


def test_a_hostile_template_is_refused_in_linear_time() -> None:
    for hostile in (
        "{{" * 50_000,
        "{{$base64 " + "'a' " * 50_000,
        "{{a" + ".b" * 50_000,
        '{{$base64 "' + "\\" * 100_001,
    ):
        with pytest.raises(TemplateInvalid):
            compile_template(hostile)
