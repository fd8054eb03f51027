"""Predicates: whether what was found is what was expected.

Public: `check(predicate, found, expected, negated, query_type) -> Verdict`, `equal(left, right)`.

Values compare by type: `"1"` is not `1`, `1` equals `1.0`, `true` is no number. What was not found makes every
predicate but `exists` fail, negated or not; so does one that means nothing for the value's type (`contains` of 5).
"""

import itertools
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from caselang.asserts import STATUS_RANGE, is_ordered
from caselang.expressions import ExpressionInvalid, json_schema, regex_search
from caselang.queries import Found, NotFound
from caselang.template import JsonValue

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?")
_MAX_SCHEMA_ERRORS = 3
_MAX_SCHEMA_MESSAGE = 200


@dataclass(slots=True)
class Verdict:
    """Whether a predicate held. `message` says what expected and actual do not: null where they say it all."""

    passed: bool
    message: str | None = None


class DoesNotApply(Exception):
    """The predicate means nothing for these types of values; it fails, negated or not."""


def check(
    predicate: str,
    found: Found | NotFound,
    expected: JsonValue = None,
    *,
    negated: bool = False,
    query_type: str = "",
) -> Verdict:
    """Hold a predicate against what a query gave; `query_type` makes ranges such as `2xx` mean a status."""
    if predicate == "exists":
        why_not = found.message if isinstance(found, NotFound) else "no node was found"
        passed = found.exists is not negated
        return Verdict(passed, None if passed or found.exists else why_not)
    if isinstance(found, NotFound):
        return Verdict(passed=False, message=f"nothing was found: {found.message}")
    try:
        if predicate == "matches_schema":
            return _matches_schema(found.value, expected, negated=negated)
        if query_type == "status" and predicate in {"==", "!="}:
            holds = _is_status(found.value, expected) is (predicate == "==")
        else:
            holds = _PREDICATES[predicate](found.value, expected)
    except (DoesNotApply, ExpressionInvalid) as error:
        return Verdict(passed=False, message=str(error))
    except RecursionError:
        return Verdict(passed=False, message="the values are nested too deep to compare")
    return Verdict(holds is not negated)


def equal(left: JsonValue, right: JsonValue) -> bool:
    """Compare two JSON values by type, all the way down; a number equals a number of the same value."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, bytes) and isinstance(right, str):
        return left == _from_hex(right)
    return bool(left == right)


def type_of(value: JsonValue) -> str:
    """Name the type of a value as messages do: a text, a number, true or false, a list, an object, null, bytes."""
    names = {
        str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object",
        bytes: "bytes",
    }  # fmt: skip
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _is_status(status: JsonValue, expected: JsonValue) -> bool:
    if isinstance(expected, list):
        return any(_is_status(status, one) for one in expected)
    if isinstance(expected, str) and STATUS_RANGE.fullmatch(expected):
        return bool(status // 100 == int(expected[0]))
    return equal(status, expected)


def _order(compare: Callable[[JsonValue, JsonValue], bool]) -> Callable[[JsonValue, JsonValue], bool]:
    def holds(actual: JsonValue, expected: JsonValue) -> bool:
        _check_comparable(actual, expected)
        return compare(actual, expected)

    return holds


def _check_comparable(actual: JsonValue, expected: JsonValue) -> None:
    if not (is_ordered(actual) and is_ordered(expected) and isinstance(actual, str) is isinstance(expected, str)):
        raise DoesNotApply(f"{type_of(actual)} and {type_of(expected)} have no order")


def _between(actual: JsonValue, expected: JsonValue) -> bool:
    if not isinstance(expected, list) or len(expected) != 2:  # noqa: PLR2004 - lowest and highest
        raise DoesNotApply("between takes a list of the lowest and the highest value")
    low, high = expected
    _check_comparable(actual, low)
    _check_comparable(actual, high)
    return bool(low <= actual <= high)


def _in(actual: JsonValue, expected: JsonValue) -> bool:
    if not isinstance(expected, list):
        raise DoesNotApply(f"in takes a list, not {type_of(expected)}")
    return any(equal(actual, one) for one in expected)


def _contains(actual: JsonValue, expected: JsonValue) -> bool:
    if isinstance(actual, list):
        return any(equal(one, expected) for one in actual)
    return _of_texts("contains", operator.contains)(actual, expected)


def _of_texts(word: str, holds: Callable[..., bool]) -> Callable[[JsonValue, JsonValue], bool]:
    """Make a predicate on two texts, or on bytes and a text of their hex digits."""

    def on_texts(actual: JsonValue, expected: JsonValue) -> bool:
        if isinstance(actual, bytes) and isinstance(expected, str):
            return holds(actual, _from_hex(expected))
        if not isinstance(actual, str) or not isinstance(expected, str):
            raise DoesNotApply(f"{word} does not apply to {type_of(actual)} and {type_of(expected)}")
        return holds(actual, expected)

    return on_texts


def _from_hex(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise DoesNotApply("bytes are compared with a text of hex digits") from error


def _matches(actual: JsonValue, expected: JsonValue) -> bool:
    if not isinstance(actual, str) or not isinstance(expected, str):
        raise DoesNotApply(f"matches does not apply to {type_of(actual)} and {type_of(expected)}")
    return regex_search(expected, actual) is not None


def _is_empty(actual: JsonValue, _: JsonValue) -> bool:
    if not isinstance(actual, str | list | dict | bytes):
        raise DoesNotApply(f"is_empty does not apply to {type_of(actual)}")
    return not actual


def _count(actual: JsonValue, expected: JsonValue) -> bool:
    if not isinstance(actual, list | bytes):
        raise DoesNotApply(f"count does not apply to {type_of(actual)}")
    return equal(len(actual), expected)


def _is_date(actual: JsonValue, _: JsonValue) -> bool:
    """A day (`2025-08-26`) or a time of RFC 3339, its zone optional, that is in the calendar."""
    if not isinstance(actual, str):
        return False
    try:
        if _DATE.fullmatch(actual):
            date.fromisoformat(actual)
        elif _DATE_TIME.fullmatch(actual):
            datetime.fromisoformat(actual.upper())
        else:
            return False
    except ValueError:
        return False
    return True


def _matches_schema(actual: JsonValue, schema: JsonValue, *, negated: bool) -> Verdict:
    errors = list(itertools.islice(json_schema(schema).iter_errors(actual), _MAX_SCHEMA_ERRORS))
    if negated or not errors:
        return Verdict(bool(errors) is negated)
    told = (f"{error.json_path}: {error.message[:_MAX_SCHEMA_MESSAGE]}" for error in errors)
    return Verdict(passed=False, message="; ".join(told))


_PREDICATES: dict[str, Callable[[JsonValue, JsonValue], bool]] = {
    "==": equal,
    "!=": lambda actual, expected: not equal(actual, expected),
    "<": _order(operator.lt),
    "<=": _order(operator.le),
    ">": _order(operator.gt),
    ">=": _order(operator.ge),
    "between": _between,
    "in": _in,
    "contains": _contains,
    "starts_with": _of_texts("starts_with", lambda actual, expected: actual.startswith(expected)),
    "ends_with": _of_texts("ends_with", lambda actual, expected: actual.endswith(expected)),
    "matches": _matches,
    "is_empty": _is_empty,
    "is_integer": lambda actual, _: type(actual) is int,
    "is_float": lambda actual, _: type(actual) is float,
    "is_boolean": lambda actual, _: type(actual) is bool,
    "is_string": lambda actual, _: type(actual) is str,
    "is_list": lambda actual, _: type(actual) is list,
    "is_object": lambda actual, _: type(actual) is dict,
    "is_null": lambda actual, _: actual is None,
    "is_date": _is_date,
    "count": _count,
}
