"""Texts, values and expectations of Tavern's stages, as a case has them."""

import re
import string
from dataclasses import dataclass, field
from typing import Any

from bench.conformance.judge import CannotSay
from bench.conformance.tavern_yaml import Tagged
from caselang.template import NAME_PATTERN

ENVIRONMENT = {"TEST_HOST": "http://localhost:5003", "SECOND_URL_PART": "again"}
FIXTURES = {"autouse_thing", "autouse_thing_named", "fixture_echo_url"}
"""What the suite's conftest.py gives every test."""
_SCHEMAS: dict[str, dict[str, Any]] = {
    "anything": {},
    "anyint": {"type": "integer"},
    "anyfloat": {"type": "number"},
    "anynumber": {"type": "number"},
    "anystr": {"type": "string"},
    "anybool": {"type": "boolean"},
    "anylist": {"type": "array"},
    "anydict": {"type": "object"},
}


@dataclass
class Test:
    """What the stages of a test share."""

    variables: dict[str, Any]
    stages: dict[str, Any]
    strict: bool
    captured: set[str] = field(default_factory=set)


def has(value: Any, key: str) -> bool:  # noqa: ANN401 (YAML)
    """Tell whether a key is anywhere in a value."""
    if isinstance(value, dict):
        return key in value or any(has(item, key) for item in value.values())
    return isinstance(value, list) and any(has(item, key) for item in value)


def static(value: Any, test: Test) -> Any:  # noqa: ANN401 (YAML)
    """A variable with what it names put in."""
    if isinstance(value, str):
        out = ""
        for literal, name, _, _ in string.Formatter().parse(value):
            out += literal + ("" if name is None else str(_known(name, test)))
        return out
    if isinstance(value, dict):
        return {key: static(item, test) for key, item in value.items()}
    if isinstance(value, list):
        return [static(item, test) for item in value]
    return value


def _known(name: str, test: Test) -> Any:  # noqa: ANN401 (YAML)
    if name.startswith("tavern.env_vars."):
        return ENVIRONMENT[name.removeprefix("tavern.env_vars.")]
    value: Any = test.variables
    for part in name.replace("[", ".").replace("]", "").split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise KeyError(name) from error
    return value


def _format(text: str, test: Test, request: dict[str, Any]) -> Any:  # noqa: ANN401 (YAML)
    """A text of Tavern's as one of ours. Texts stay variables, what else is known is put in as Tavern writes it."""
    out = ""
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise CannotSay("a fault of Tavern's own words, which have no counterpart") from error
    for literal, name, spec, conversion in pieces:
        out += literal.replace("{", "\0")
        if name is None:
            continue
        if spec or conversion:
            raise CannotSay("a format specification (`{x:…}`)")
        if name.startswith("tavern.request_vars."):
            value: Any = request
            for part in name.removeprefix("tavern.request_vars.").split("."):
                value = value.get(part) if isinstance(value, dict) else None
            if not isinstance(value, str | int | float):
                raise CannotSay("a value of the request itself (`tavern.request_vars`)")
            out += str(value_of(value, test, request))
            continue
        root = name.split(".")[0].split("[")[0]
        if root in test.captured:
            out += "{{" + name + "}}"
            continue
        try:
            known = _known(name, test)
        except KeyError:
            if root in FIXTURES:
                raise CannotSay("a pytest fixture") from None
            if not re.fullmatch(NAME_PATTERN, root):
                raise CannotSay("a name that no variable of a case can have") from None
            out += "{{" + name + "}}"  # undefined: an error in both
            continue
        plain = isinstance(known, str) and name in test.variables
        out += "{{" + name + "}}" if plain else str(known)
    return out.replace("\0\0", "\\{{").replace("\0", "{")


def value_of(value: Any, test: Test, request: dict[str, Any]) -> Any:  # noqa: ANN401 (YAML)
    """A value of a request or of what is expected; `request` is what `tavern.request_vars` means. Raises: CannotSay."""
    if isinstance(value, Tagged):
        if value.tag in {"int", "float", "bool"} and isinstance(value.value, str):
            known = _format(value.value, test, request)
            for name in test.variables:
                known = known.replace("{{" + name + "}}", str(test.variables[name]))
            if "{{" in known:
                raise CannotSay("a captured value turned into another type")
            return known == "True" if value.tag == "bool" else int(known) if value.tag == "int" else float(known)
        if value.tag in {"force_format_include", "force_original_structure"} and isinstance(value.value, str):
            name = value.value.strip("{}")
            if name.split(".")[0] in test.captured:
                return "{{" + name + "}}"
            if name.startswith("tavern.request_vars."):
                found: Any = request
                for part in name.removeprefix("tavern.request_vars.").split("."):
                    found = found[part]
                return value_of(found, test, request)
            return _known(name, test)
        if value.tag == "raw":
            return str(value.value).replace("{{", "\\{{")
        raise CannotSay(f"`!{value.tag}` outside of what is expected")
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, str):
        return _format(value, test, request)
    if isinstance(value, dict):
        return {_format(str(key), test, request): value_of(item, test, request) for key, item in value.items()}
    if isinstance(value, list):
        return [value_of(item, test, request) for item in value]
    return value


def schema_of(value: Any, test: Test, request: dict[str, Any], *, strict: bool) -> dict[str, Any]:  # noqa: ANN401 (YAML)
    """What is expected of a body, as a JSON Schema."""
    if isinstance(value, Tagged):
        if value.tag in _SCHEMAS:
            return _SCHEMAS[value.tag]
        if value.tag == "approx":
            middle = float(value.value)
            return {"type": "number", "minimum": middle - abs(middle) * 1e-6, "maximum": middle + abs(middle) * 1e-6}
        if value.tag in {"re_match", "re_fullmatch", "re_search"}:
            start, end = {"re_match": ("^", ""), "re_fullmatch": ("^", "$"), "re_search": ("", "")}[value.tag]
            return {"type": "string", "pattern": f"{start}(?:{value.value}){end}"}
        return {"const": value_of(value, test, request)}
    if isinstance(value, dict):
        given = {
            _format(str(key), test, request): schema_of(item, test, request, strict=strict)
            for key, item in value.items()
        }
        return {"type": "object", "properties": given, "required": list(given)} | (
            {"additionalProperties": False} if strict else {}
        )
    if isinstance(value, list):
        if not value:
            return {"type": "array"} | ({"maxItems": 0} if strict else {})
        if not strict:
            raise CannotSay("a list of which only some items are told")
        items = [schema_of(item, test, request, strict=strict) for item in value]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "items": False}
    return {"const": value_of(value, test, request)}


def number_of(value: Any, test: Test) -> Any:  # noqa: ANN401 (YAML)
    """A number, which may be written as a text or as one of Tavern's tags."""
    return value_of(value, test, {}) if isinstance(value, Tagged | str) else value
