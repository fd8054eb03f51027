"""What holds for every input."""

import base64
import json
import re
from typing import Any
from urllib.parse import quote, quote_plus

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from caselang.judgement import StepOutcome, judge_case, judge_run, pass_rate
from caselang.masking import MASKED, Mask
from caselang.predicates import equal
from caselang.schema import schema
from caselang.template import is_template, render, text
from caselang.yamltext import dump_yaml, load_yaml
from tests.caselang.test_document import WHOLE

LOWER = re.compile(r"%[0-9A-F]{2}")
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
names = st.from_regex(r"\A[a-z][a-z0-9_]{0,8}\Z")
steps = st.lists(
    st.builds(
        StepOutcome,
        status=st.sampled_from(["passed", "failed", "error", "skipped"]),
        failure_class=st.sampled_from([None, "assertion", "dns", "platform"]),
        leaf=st.booleans(),
        teardown=st.booleans(),
        flaky=st.booleans(),
    )
)


@given(values)
def test_a_value_without_expressions_is_itself(value: Any) -> None:
    if "{{" not in json.dumps(value, ensure_ascii=False):
        assert render(value, {}) == value
        assert not is_template(value)


@given(texts)
def test_an_escaped_text_is_itself(written: str) -> None:
    # A backslash of the text itself, right before the braces, cannot be told from the one that escapes.
    if "\\{{" not in written and "{{{" not in written:
        assert render(written.replace("{{", "\\{{"), {}) == written


@given(names, values)
def test_one_expression_keeps_the_value_and_its_type(name: str, value: Any) -> None:
    rendered = render(f"{{{{{name}}}}}", {name: value})
    assert rendered == value
    assert type(rendered) is type(value)


@given(names, values, texts, texts)
def test_inside_a_text_a_value_is_written_once_and_never_rendered_again(
    name: str, value: Any, before: str, after: str
) -> None:
    around = [part.replace("{", "(").replace("\\", "/") for part in (before + ".", after)]
    assert render(f"{around[0]}{{{{{name}}}}}{around[1]}", {name: value}) == f"{around[0]}{text(value)}{around[1]}"


@given(values)
def test_values_survive_yaml_json_and_yaml_again(value: Any) -> None:
    read = load_yaml(dump_yaml(value))
    assert equal(read, value)
    assert equal(load_yaml(dump_yaml(json.loads(json.dumps(read)))), value)


def test_a_document_survives_yaml_json_and_yaml_again() -> None:
    again = load_yaml(dump_yaml(json.loads(json.dumps(load_yaml(dump_yaml(WHOLE))))))
    assert again == WHOLE
    assert json.dumps(again) == json.dumps(WHOLE)
    jsonschema.Draft202012Validator(schema()).validate(WHOLE)


@given(values, values)
def test_equality_is_that_of_json(left: Any, right: Any) -> None:
    assert equal(left, left)
    assert equal(left, right) is equal(right, left)
    assert equal([left], [right]) is equal(left, right)
    assert not equal(left, [left])


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_pass_rate_lies_between_0_and_100_and_100_means_all(passed: int, failed: int, error: int) -> None:
    rate = pass_rate(passed, failed, error)
    if rate is None:
        assert passed + failed + error == 0
    else:
        assert 0 <= rate <= 100
        assert (rate == 100) is (failed + error == 0)
        assert rate <= 100 * passed / (passed + failed + error) < rate + 0.01 + 1e-9


@given(steps)
def test_the_counts_of_a_case_add_up_whatever_its_steps(outcomes: list[StepOutcome]) -> None:
    verdict = judge_case(outcomes)
    assert verdict.steps_total == sum(step.leaf and not step.teardown for step in outcomes)
    assert verdict.pass_rate is None or 0 <= verdict.pass_rate <= 100
    assert not verdict.flaky or verdict.status == "passed"
    if verdict.status == "passed":
        assert not any(step.status in {"failed", "error"} for step in outcomes)


@given(st.lists(steps))
def test_the_counts_of_a_run_add_up_whatever_its_cases(cases: list[list[StepOutcome]]) -> None:
    verdicts = [judge_case(outcomes) for outcomes in cases]
    run = judge_run(verdicts)
    assert run.cases_total == len(cases)
    assert (run.reason == "nothing_ran") is all(verdict.status == "skipped" for verdict in verdicts)
    if run.status == "passed":
        assert run.pass_rate == 100


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=30), texts, texts, st.sampled_from(range(3))
)
def test_masking_leaves_no_form_of_a_secret(secret: str, before: str, after: str, padding: int) -> None:
    raw = secret.encode()
    forms = [
        secret, quote(secret, safe=""), quote(secret), quote_plus(secret),
        LOWER.sub(lambda hex_: hex_[0].lower(), quote(secret, safe="")),
        json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1],
        base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(),
    ]  # fmt: skip
    mask = Mask({"secret": secret})
    shown = mask.mask({"a": [f"{before}{form}{after}" for form in forms], secret: 1})
    for left in [*shown["a"], list(shown)[1]]:
        assert MASKED in left
        assert secret not in left
    around = base64.b64encode(b"." * padding + raw + b"...").decode()
    assert MASKED in mask.mask(around)
