from datetime import UTC, datetime
from random import Random

import pytest

from caselang.template import Functions, UndefinedVariable
from caselang.variables import initial

FUNCTIONS = Functions(now=datetime(2026, 1, 1, tzinfo=UTC), random=Random(1), environment="qa")


def test_the_later_source_wins_and_is_named() -> None:
    names = ["project", "environment", "case", "row"]
    layers = [dict.fromkeys(names[at:], layer) for at, layer in enumerate(names)]
    variables = initial(
        project=dict.fromkeys(names, "project") | layers[0], environment=layers[1], case=layers[2], row=layers[3]
    )
    assert dict(variables) == {name: name for name in names}
    assert [(line["name"], line["source"]) for line in variables.report()] == [(name, name) for name in names]


def test_set_and_captured_values_win_over_all_and_tell_their_step() -> None:
    variables = initial(project={}, environment={"a": 1}, case={"a": 2}, row={"a": 3})
    variables.put("a", 4, "set", "2")
    variables.put("a", 5, "captured", "3.1.2")
    assert variables.report() == [{"name": "a", "source": "captured", "step": "3.1.2", "value": 5}]


def test_variables_of_a_case_are_templates_over_what_came_before_and_those_of_an_environment_are_not() -> None:
    variables = initial(
        project={"host": "x.test"},
        environment={"base_url": "https://x.test", "raw": "{{host}}"},
        case={
            "url": "{{base_url}}/{{id}}",
            "twice": "{{url}}{{url}}",
            "raw2": "{{raw}}",
            "at": "{{$timestamp}}",
            "id": 0,
        },
        row={"id": 7, "own": "{{id}}-{{currency}}", "currency": "EUR"},
        functions=FUNCTIONS,
    )
    assert variables["url"] == "https://x.test/7"
    assert variables["twice"] == "https://x.test/7https://x.test/7"
    assert variables["raw2"] == "{{host}}"
    assert variables["at"] == 1767225600
    assert variables["own"] == "7-EUR"
    assert variables["id"] == 7


def test_a_row_may_use_a_variable_of_the_case() -> None:
    assert initial(project={}, environment={}, case={"a": 1}, row={"b": "{{a}}"})["b"] == 1


def test_an_undefined_name_tells_where_it_is_used() -> None:
    with pytest.raises(UndefinedVariable) as caught:
        initial(project={}, environment={}, case={"a": {"b": ["{{nope}}"]}})
    assert (caught.value.name, caught.value.field) == ("nope", "a.b[0]")


def test_what_is_given_to_a_call_is_seen_only_inside_and_what_it_captures_also_afterwards() -> None:
    outer = initial(project={"p": 1}, environment={}, case={"user": "carl", "own": "outer"})
    outer.put("n", 1, "captured", "1")
    inner = outer.enter_call(
        {"user": "default", "extra": "{{p}}", "n": 9}, {"user": "bob", "m": "{{n}}"}, "2", FUNCTIONS
    )
    assert dict(inner) == {"p": 1, "user": "bob", "own": "outer", "extra": 1, "n": 1, "m": 1}
    assert [line["source"] for line in inner.report() if line["name"] == "user"] == ["call"]
    inner.put("token", "t", "captured", "2.1")
    inner.put("user", "dora", "set", "2.2")
    outer.leave_call(inner)
    assert dict(outer) == {"p": 1, "user": "dora", "own": "outer", "n": 1, "token": "t"}


def test_a_call_that_changes_nothing_leaves_nothing() -> None:
    outer = initial(project={}, environment={}, case={"a": 1})
    outer.put("b", 2, "set", "1")
    before = outer.report()
    outer.leave_call(outer.enter_call({"a": 5, "c": 6}, {"d": 7}, "2"))
    assert outer.report() == before


def test_a_fresh_copy_leaks_nothing_back() -> None:
    outer = initial(project={}, environment={}, case={"a": 1})
    inner = outer.enter_call({}, {}, "1")
    inner.put("a", 2, "captured", "1.1")
    assert outer["a"] == 1


def test_set_values_are_rendered_one_after_the_other() -> None:
    variables = initial(project={}, environment={}, case={})
    variables.put_rendered({"a": 1, "b": "{{a}}", "c": "x{{b}}"}, "set", "1")
    assert dict(variables) == {"a": 1, "b": 1, "c": "x1"}
