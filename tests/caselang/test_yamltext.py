from typing import Any

import pytest

from caselang.faults import DocumentInvalid
from caselang.yamltext import dump_yaml, load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: yes", "yes"), ("a: on", "on"), ("a: NO", "NO"), ("a: 2025-08-26", "2025-08-26"), ("a: 1:30", "1:30"),
        ("a: 010", 10), ("a: 0x1F", "0x1F"), ("a: 1_000", "1_000"), ("a: true", True), ("a: False", False),
        ("a: ~", None),
        ("a: null", None), ("a:", None), ("a: 1e5", 1e5), ("a: -.5", -0.5), ("a: 5.", 5.0), ("a: .", "."),
        ("a: '5'", "5"),
        ("a: 9007199254740993", 9007199254740993), ("a: .nan", ".nan"), ("a: =", "="), ("a: |\n  x\n  y\n", "x\ny\n"),
        ("a: {{x}}", None), ('a: "{{x}}"', "{{x}}"), ('{"a": [1, {"b": null}]}', [1, {"b": None}]),
    ],
)  # fmt: skip
def test_words_are_read_as_in_yaml_1_2(text: str, value: Any) -> None:
    if text == "a: {{x}}":
        with pytest.raises(DocumentInvalid):
            load_yaml(text)
        return
    loaded = load_yaml(text)["a"]
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x", "aliases are not read (line 2, column 4)"),
        ("a: &a [*a]", "aliases are not read"),
        ("a: 1\na: 2", "the key 'a' is there twice (line 2, column 1)"),
        ("1: 2", "the key 1 is no text"),
        ("? [a]\n: 1", "the key ['a'] is no text"),
        ("true: 1", "the key True is no text"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a: !!set {b}", "could not determine a constructor"),
        ("a: !!timestamp 2020-01-01", "could not determine a constructor"),
        ("a: !own 1", "could not determine a constructor"),
        ("[" * 900 + "]" * 900, "nested too deep"),
        ("[" * 100_000, "nesting depth"),
        ("a: [", "no YAML"),
        ("a: b: c", "mapping values are not allowed"),
        ("--- 1\n--- 2", "another document"),
        ("a: \0", "no YAML"),
        ("a: " + "9" * 5_000, "too long a number"),
        ("x" * 2_100_000, "at most"),
    ],
)
def test_what_json_has_not_is_refused(text: str, message: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        load_yaml(text)
    (fault,) = caught.value.faults
    assert fault.field == ""
    assert message in fault.message


def test_a_document_is_written_in_the_order_given_and_texts_of_lines_as_blocks() -> None:
    text = dump_yaml({"b": 1, "a": {"中": "x\ny", "no": "yes", "d": "2025-08-26", "t": "{{a}}"}, "e": []})
    assert text == "b: 1\na:\n  中: |-\n    x\n    y\n  'no': 'yes'\n  d: '2025-08-26'\n  t: '{{a}}'\ne: []\n"
