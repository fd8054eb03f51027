"""The part of a document that says what is looked at and what must hold: queries, assertions, captures.

Public: `Query`, `Assert`, `Condition`, `Capture`. Expressions and expected values are checked here, when a case is
saved, unless a template leaves them open until it is run.
"""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from caselang.expressions import ExpressionInvalid, jmespath_query, json_schema, jsonpath, regex, xpath
from caselang.faults import refusal
from caselang.supported import PredicateType, QueryType
from caselang.template import JsonValue, TemplateInvalid, compile_name, is_template, render
from caselang.values import Json, Model, Text, VariableName, word

_NO_EXPR = frozenset({"status", "body", "bytes", "url", "duration", "ip"})
_NO_VALUE = frozenset(
    {
        "exists", "is_empty", "is_integer", "is_float", "is_boolean", "is_string", "is_list", "is_object", "is_null",
        "is_date",
    }
)  # fmt: skip
_CERTIFICATE_FIELDS = ("Subject", "Issuer", "Start-Date", "Expire-Date", "Serial-Number")
COOKIE = re.compile(
    r"(?P<name>[^\[\]]+)(?:\[(?P<attribute>Value|Expires|Max-Age|Domain|Path|Secure|HttpOnly|SameSite)\])?"
)
"""A cookie's name, with an attribute in brackets if that is wanted: `session[Max-Age]`."""
STATUS_RANGE = re.compile(r"[1-5]xx")
_COMPILERS: dict[str, Callable[[str], object]] = {
    "jsonpath": jsonpath,
    "jmespath": jmespath_query,
    "xpath": xpath,
    "regex": regex,
    "variable": compile_name,
}


def is_ordered(value: object) -> bool:
    """Tell whether a value can be greater or smaller than another: a number (true is none) or a text."""
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _is_status(value: object) -> bool:
    wanted = value if isinstance(value, list) else [value]
    return all(type(one) is int or (isinstance(one, str) and STATUS_RANGE.fullmatch(one)) for one in wanted)


def _is_range(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_ordered, value))  # noqa: PLR2004 - low and high


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_ORDERED = (is_ordered, "takes a number or a text")
_TEXT = (_is_text, "takes a text")
_VALUES: dict[str, tuple[Callable[[object], bool], str]] = {
    "<": _ORDERED,
    "<=": _ORDERED,
    ">": _ORDERED,
    ">=": _ORDERED,
    "between": (_is_range, "takes a list of the lowest and the highest value"),
    "in": (lambda value: isinstance(value, list), "takes a list"),
    "starts_with": _TEXT,
    "ends_with": _TEXT,
    "matches": _TEXT,
    "count": (lambda value: type(value) is int and value >= 0, "takes a whole number from 0"),
}


def _check_expr(query_type: str, expr: str) -> None:
    if is_template(expr):
        return
    literal = render(expr, {})
    if query_type == "certificate" and literal not in _CERTIFICATE_FIELDS:
        raise ExpressionInvalid(f"a certificate has {', '.join(_CERTIFICATE_FIELDS)}")
    if query_type == "cookie" and not COOKIE.fullmatch(literal):
        raise ExpressionInvalid("a cookie is a name, or a name and an attribute such as session[Max-Age]")
    if query_type in _COMPILERS:
        _COMPILERS[query_type](literal)


def _check_value(query_type: str, predicate: str, value: JsonValue) -> None:
    if is_template(value):
        return
    value = render(value, {})
    if query_type == "status" and predicate in {"==", "!="} and not _is_status(value):
        raise refusal("wrong_type", "a status is a number such as 200, a range such as 2xx, or a list of them", "value")
    fits, message = _VALUES.get(predicate, (lambda _: True, ""))
    if not fits(value):
        raise refusal("wrong_type", f"the predicate {predicate!r} {message}", "value")
    if predicate == "matches":
        regex(value)
    if predicate == "matches_schema":
        json_schema(value)


class Query(Model):
    """What to look at; `expr` says which one, for the queries that have several."""

    type: Annotated[QueryType, word("query")]
    expr: Text | None = None

    @model_validator(mode="after")
    def _expr_fits(self) -> "Query":
        if self.type in _NO_EXPR:
            if self.expr is not None:
                raise refusal("unknown_field", f"the query {self.type!r} takes no expr", "expr")
            return self
        if not self.expr:
            raise refusal("missing", f"the query {self.type!r} needs an expr", "expr")
        try:
            _check_expr(self.type, self.expr)
        except (ExpressionInvalid, TemplateInvalid) as error:
            raise refusal("bad_format", str(error), "expr") from error
        return self


class Assert(Model):
    """What a query must give."""

    query: Query
    predicate: Annotated[PredicateType, word("predicate")]
    value: Json = None
    negated: bool = Field(default=False, alias="not")

    @model_validator(mode="after")
    def _value_fits(self) -> "Assert":
        given = "value" in self.model_fields_set
        if self.predicate in _NO_VALUE:
            if given:
                raise refusal("unknown_field", f"the predicate {self.predicate!r} takes no value", "value")
            return self
        if not given:
            raise refusal("missing", f"the predicate {self.predicate!r} needs a value", "value")
        try:
            _check_value(self.query.type, self.predicate, self.value)
        except ExpressionInvalid as error:
            raise refusal("bad_format", str(error), "value") from error
        return self


class Condition(Assert):
    """An assertion about a variable, outside of any answer."""

    @field_validator("query")
    @classmethod
    def _only_variables(cls, query: Query) -> Query:
        if query.type != "variable":
            raise refusal("not_supported", "a condition looks at a variable; capture what it needs before", "type")
        return query


class Capture(Model):
    """Keep what a query gives under a name. With a default it never fails, optional or not."""

    name: VariableName
    query: Query
    optional: bool = False
    default: Json = None

    @property
    def has_default(self) -> bool:
        """Whether a default was given; null is one."""
        return "default" in self.model_fields_set
