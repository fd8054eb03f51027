"""Compiled JSONPath, JMESPath, XPath, regular expressions and JSON Schemas, kept in caches.

Public: `jsonpath`, `plain_path`, `jmespath_query`, `xpath`, `regex`, `regex_search`, `json_schema`. Each takes the text
of an expression and raises `ExpressionInvalid` when it is broken, so the same call checks a case when it is saved.

Every regular expression runs on RE2, in linear time, also those inside a JSONPath filter or a JSON Schema: a hostile
answer must not be able to hold up a worker.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Protocol, cast

import jmespath
import re2
from jmespath.parser import ParsedResult
from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery, Parser, lex
from jsonpath_rfc9535.filter_expressions import Expression, IntegerLiteral
from jsonpath_rfc9535.function_extensions import ExpressionType, FilterFunction
from jsonpath_rfc9535.tokens import TokenStream
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend, validator_for
from lxml import etree
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from caselang.template import JsonValue

_CACHE_SIZE = 2_048


class ExpressionInvalid(ValueError):
    """An expression that does not compile; the message says where and why."""


# --- regular expressions


class Regex(Protocol):
    """What is used of a compiled expression of RE2."""

    groups: int

    def search(self, text: bytes, /) -> "re.Match[bytes] | None":
        """Find the first match anywhere."""


_regex_options = re2.Options()
_regex_options.log_errors = False


@lru_cache(_CACHE_SIZE)
def regex(pattern: str) -> Regex:
    """Compile a regular expression for RE2: no look-around, no back references."""
    try:
        compiled: Regex = re2.compile(pattern, _regex_options)
    except UnicodeEncodeError as error:
        raise ExpressionInvalid("no regular expression: half of a surrogate pair") from error
    except re2.error as error:
        reason = error.args[0]
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        raise ExpressionInvalid(f"no regular expression of RE2: {reason}") from error
    return compiled


def regex_search(pattern: str, text: str) -> str | None:
    """Find the pattern anywhere in the text: group 1 if it took part, else the whole match; None without a match.

    Raises ExpressionInvalid.
    """
    compiled = regex(pattern)
    match = compiled.search(text.encode(errors="replace"))
    if match is None:
        return None
    group = match.group(1) if compiled.groups else None
    return (match.group() if group is None else group).decode(errors="replace")


def _regex_holds(pattern: str, text: str) -> bool:
    return regex(pattern).search(text.encode(errors="replace")) is not None


# --- JSONPath (RFC 9535)


class _Regular(FilterFunction):
    """The `match` and `search` functions of RFC 9535 on RE2: the library's own engine backtracks."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012 - the base class declares a property
    return_type = ExpressionType.LOGICAL

    def __init__(self, frame: str) -> None:
        self.frame = frame

    def __call__(self, text: object, pattern: object) -> bool:
        """Tell whether the text holds the I-Regexp (RFC 9485)."""
        if not isinstance(text, str) or not isinstance(pattern, str):
            return False
        try:
            return _regex_holds(self.frame % _dots_without_line_ends(pattern), text)
        except ExpressionInvalid:
            return False


def _dots_without_line_ends(pattern: str) -> str:
    r"""Write each `.` outside a class as `[^\n\r]`, which is what an I-Regexp means by it."""
    parts: list[str] = []
    escaped = in_class = False
    for char in pattern:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "[":
            in_class = True
        elif char == "]":
            in_class = False
        elif char == "." and not in_class:
            parts.append(r"[^\n\r]")
            continue
        parts.append(char)
    return "".join(parts)


# RFC 9535's name-char. The library's pattern says `\u10FFFF`, four digits of which are read: `$.中文` would be refused.
lex.RE_PROPERTY = re.compile(r"[\u0080-\uD7FF\uE000-\U0010FFFFa-zA-Z_][\u0080-\uD7FF\uE000-\U0010FFFFa-zA-Z0-9_]*")


class _ExactParser(Parser):
    def parse_integer_literal(self, stream: TokenStream) -> Expression:
        """Keep all digits of an integer: the library reads it through a float."""
        literal = super().parse_integer_literal(stream)
        text = stream.current.value
        return IntegerLiteral(stream.current, value=int(text)) if text.lstrip("-").isdecimal() else literal


class _Environment(JSONPathEnvironment):
    parser_class = _ExactParser

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Regular(r"\A(?:%s)\z")
        self.function_extensions["search"] = _Regular("%s")


_ENVIRONMENT = _Environment()


@lru_cache(_CACHE_SIZE)
def jsonpath(expr: str) -> JSONPathQuery:
    """Compile a JSONPath."""
    try:
        return _ENVIRONMENT.compile(expr)
    except (JSONPathError, ValueError, RecursionError) as error:
        raise ExpressionInvalid(f"no JSONPath (RFC 9535): {error}") from error


_PLAIN_PATH = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:0|[1-9][0-9]{0,8})\])*")
_PLAIN_KEYS = re.compile(r"\.(\w+)|\[(\d+)\]")


@lru_cache(_CACHE_SIZE)
def plain_path(expr: str) -> tuple[str | int, ...] | None:
    """Names and indexes of a JSONPath that is nothing else, `$.items[0].id`, which most are; else None."""
    if not _PLAIN_PATH.fullmatch(expr):
        return None
    return tuple(name or int(index) for name, index in _PLAIN_KEYS.findall(expr))


# --- JMESPath, XPath


@lru_cache(_CACHE_SIZE)
def jmespath_query(expr: str) -> ParsedResult:
    """Compile a JMESPath."""
    try:
        return jmespath.compile(expr)
    except (ValueError, RecursionError) as error:
        raise ExpressionInvalid(f"no JMESPath: {error}") from error


def xpath(expr: str, namespaces: Mapping[str, str] | None = None) -> etree.XPath:
    """Compile an XPath 1.0; a prefix without a namespace shows only when the XPath is used."""
    try:
        return etree.XPath(expr, namespaces=dict(namespaces or {}), regexp=False, smart_strings=False)
    except (etree.XPathError, ValueError, TypeError) as error:
        raise ExpressionInvalid(f"no XPath: {error}") from error


# --- JSON Schema

_formats = FormatChecker(formats=())


@_formats.checks("regex", raises=ExpressionInvalid)
def _is_regex(value: object) -> bool:
    if isinstance(value, str):
        regex(value)
    return True


def _pattern(_: Validator, pattern: str, instance: object, __: object) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _regex_holds(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any,  # noqa: ANN401 - `descend` is not in the protocol
    patterns: Mapping[str, object],
    instance: object,
    _: object,
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, schema in patterns.items():
            for name, value in instance.items():
                if _regex_holds(pattern, name):
                    yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any,  # noqa: ANN401 - `descend` is not in the protocol
    allowed: object,
    instance: object,
    schema: Mapping[str, Any],
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    patterns = schema.get("patternProperties", {})
    known = schema.get("properties", {})
    for name, value in instance.items():
        if name in known or any(_regex_holds(pattern, name) for pattern in patterns):
            continue
        if allowed is False:
            yield ValidationError(f"{name!r} is not allowed")
        else:
            yield from validator.descend(value, allowed, path=name)


@lru_cache(16)
def _linear(draft: type[Validator]) -> Callable[..., Validator]:
    """Put the keywords of a draft that search by regular expression on RE2."""
    keywords = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    }
    return cast("Callable[..., Validator]", extend(draft, keywords))  # type: ignore[no-untyped-call]  # as the stub has it


def json_schema(schema: object) -> Validator:
    """Build the validator of a JSON Schema (2020-12, or the draft that its `$schema` names); it fetches nothing.

    Raises ExpressionInvalid: no schema, a pattern that is not for RE2, a reference that leads outside or nowhere.
    """
    if not isinstance(schema, dict | bool):
        raise ExpressionInvalid("a JSON Schema is an object or a boolean")
    return _json_schema(json.dumps(schema))


@lru_cache(_CACHE_SIZE)
def _json_schema(text: str) -> Validator:
    schema = json.loads(text)
    draft = validator_for(schema, Draft202012Validator)
    meta = draft.META_SCHEMA
    wanted = schema.get("$schema") if isinstance(schema, dict) else None
    if wanted is not None and str(wanted).rstrip("#") != str(meta.get("$id", meta.get("id"))).rstrip("#"):
        raise ExpressionInvalid("$schema names a draft that is not known")
    error = best_match(draft(meta, format_checker=_formats).iter_errors(schema))
    if error is not None:
        cause = f": {error.cause}" if error.cause else ""
        raise ExpressionInvalid(f"no JSON Schema: at {error.json_path}, {error.message[:200]}{cause}")
    _check_references(schema, str(meta["$schema"]))
    return _linear(draft)(schema, registry=Registry())


def _check_references(schema: JsonValue, draft: str) -> None:
    resource = specification_with(draft).create_resource(schema)
    resolver = Registry().with_resource("", resource).resolver()
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "unevaluatedProperties" in node and "patternProperties" in node:
                raise ExpressionInvalid("unevaluatedProperties beside patternProperties is not supported")
            for reference in (node.get("$ref"), node.get("$dynamicRef")):
                if isinstance(reference, str) and not reference.startswith("#"):
                    raise ExpressionInvalid(f"{reference!r} leads outside of the schema; nothing is fetched")
                try:
                    _ = isinstance(reference, str) and resolver.lookup(reference)
                except Unresolvable as error:
                    raise ExpressionInvalid(f"{reference!r} leads nowhere in the schema") from error
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
