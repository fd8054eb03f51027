r"""Templates: `{{name}}`, `{{name.path[0]}}` and the functions `{{$uuid}}`, `{{$iso_date +1d}}` ….

Public: `render(value, variables, functions)` over any JSON value, `text(value)`, `names(value)`, `compile_template`,
`is_template`, `is_too_long`, `Functions`, and the errors `TemplateInvalid` (when saved) and `TemplateError`,
`UndefinedVariable` (when run, with `field`, the path inside the rendered value).

A text that is exactly one expression keeps the type of its value; inside a text a value is written as JSON would, a
string bare. `\{{` is a literal `{{`. What was rendered is never rendered again.
"""

import base64
import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any

JsonValue = Any
"""Any value that JSON has: an object, a list, a text, a number, true, false or null."""
NAME_PATTERN = r"[^\W\d][\w-]*"
"""How a variable may be called: letters of any script, digits, `_` and `-`, not a digit first."""
MAX_VALUE = 1024 * 1024
"""How many characters a rendered or captured value may have as JSON, each value in it counted as eight at least.
A value put twice into itself, again and again, would take all memory."""
TOO_LONG = f"the value is longer than {MAX_VALUE >> 20} MiB"

_PATH = rf"{NAME_PATTERN}(?:\.[\w-]+|\[\d{{1,9}}\])*"
_QUOTED = r'"(?:[^"\\]|\\.)*"|' + r"'(?:[^'\\]|\\.)*'"
_ARGUMENT = rf"{_QUOTED}|[-+]?\d+[smhdw](?![\w-])|-?\d+(?:\.\d+)?(?![\w-])|{_PATH}"
_START = re.compile(r"\\\{\{|\{\{")
_EXPRESSION = re.compile(
    rf"\{{\{{\s*(?:(?P<path>{_PATH})|\$(?P<function>[\w.]+)(?P<arguments>(?:\s+(?:{_ARGUMENT}))*))\s*\}}\}}",
    re.DOTALL,
)
_ARGUMENTS = re.compile(_ARGUMENT, re.DOTALL)
_STEPS = re.compile(r"\.([\w-]+)|\[(\d+)\]")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class TemplateInvalid(ValueError):
    """A text with a broken expression; the message quotes it."""


class TemplateError(Exception):
    """A template that cannot be rendered now; `field` is the path inside the rendered value, such as `headers[0]`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.field = ""

    def inside(self, key: str | int) -> None:
        """Put the key of the enclosing object or list in front of `field`."""
        own = f"[{key}]" if isinstance(key, int) else str(key)
        glue = "." if self.field and not self.field.startswith("[") else ""
        self.field = f"{own}{glue}{self.field}"


class UndefinedVariable(TemplateError):
    """A name that no variable has, or a path that leads nowhere in its value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not defined")
        self.name = name


@dataclass(slots=True)
class Functions:
    """What the functions of a template draw on, so that a test can fix it."""

    now: datetime
    """The present, with a time zone."""
    random: Random
    """`random.SystemRandom()` in earnest."""
    environment: str | None = None
    """Name of the environment, for `{{$env.name}}`."""


@dataclass(frozen=True)
class Lookup:
    """`{{name.path[0]}}`."""

    source: str
    name: str
    path: tuple[str | int, ...]


Argument = Lookup | str | int | float | timedelta


@dataclass(frozen=True)
class Call:
    """`{{$function argument …}}`."""

    function: str
    arguments: tuple[Argument, ...]


Template = tuple[str | Lookup | Call, ...]
"""Literal texts and expressions, in order."""


def is_template(value: object) -> bool:
    """Tell whether a JSON value holds an expression anywhere. Raises TemplateInvalid."""
    if isinstance(value, str):
        return any(not isinstance(part, str) for part in compile_template(value))
    if isinstance(value, dict):
        return any(is_template(key) or is_template(item) for key, item in value.items())
    return isinstance(value, list | tuple) and any(is_template(item) for item in value)


def names(value: object) -> list[str]:
    """List the variables that the templates in a JSON value use, each once, in order; a broken template uses none."""
    found: dict[str, None] = {}
    _collect(value, found)
    return list(found)


def _collect(value: object, found: dict[str, None]) -> None:
    if isinstance(value, str):
        try:
            parts = compile_template(value)
        except TemplateInvalid:
            return
        for part in parts:
            lookups = part.arguments if isinstance(part, Call) else (part,)
            found.update({lookup.name: None for lookup in lookups if isinstance(lookup, Lookup)})
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect(key, found)
            _collect(item, found)
    elif isinstance(value, list | tuple):
        for item in value:
            _collect(item, found)


@lru_cache(8_192)
def compile_template(source: str) -> Template:
    """Take a text apart. Raises TemplateInvalid."""
    parts: list[str | Lookup | Call] = []
    literal = ""
    at = 0
    while start := _START.search(source, at):
        literal += source[at : start.start()]
        if start.group() == r"\{{":
            literal += "{{"
            at = start.end()
            continue
        match = _EXPRESSION.match(source, start.start())
        if match is None:
            raise TemplateInvalid(f"broken expression at {source[start.start() :][:40]!r}")
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(_lookup(match["path"]) if match["path"] else _call(match["function"], match["arguments"]))
        at = match.end()
    literal += source[at:]
    return (*parts, literal) if literal or not parts else tuple(parts)


def _lookup(source: str) -> Lookup:
    name = re.match(NAME_PATTERN, source)
    assert name is not None  # noqa: S101 - the caller's expression matched
    path = tuple(key or int(index) for key, index in _STEPS.findall(source[name.end() :]))
    return Lookup(source, name.group(), path)


def _call(function: str, arguments: str) -> Call:
    read = tuple(_argument(word) for word in _ARGUMENTS.findall(arguments))
    if function not in FUNCTIONS:
        raise TemplateInvalid(f"there is no function ${function}")
    smallest, largest, _ = FUNCTIONS[function]
    if not smallest <= len(read) <= largest:
        raise TemplateInvalid(f"${function} takes {smallest if smallest == largest else 'at most 1'} argument(s)")
    offsets = sum(isinstance(argument, timedelta) for argument in read)
    if offsets != (len(read) if function == "iso_date" else 0):
        raise TemplateInvalid(f"${function}: an offset such as +1d belongs to $iso_date, and nothing else does")
    return Call(function, read)


def _argument(word: str) -> Argument:
    if word[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", word[1:-1], flags=re.DOTALL)
    if word[-1] in _UNITS and word[:-1].lstrip("+-").isdecimal():
        try:
            return timedelta(**{_UNITS[word[-1]]: int(word[:-1])})
        except (OverflowError, ValueError) as error:
            raise TemplateInvalid(f"{word[:20]} is too far away") from error
    if word[0] in "-0123456789":
        try:
            return float(word) if "." in word else int(word)
        except ValueError as error:
            raise TemplateInvalid(f"{word[:20]}… is too long a number") from error
    return _lookup(word)


def render(value: object, variables: Mapping[str, JsonValue], functions: Functions | None = None) -> JsonValue:
    """Put values in place of the expressions of a JSON value, keys of objects included.

    Raises UndefinedVariable, TemplateError (also for what is longer than MAX_VALUE), TemplateInvalid.
    """
    rendered = _render(value, variables, functions)
    if rendered is not value and is_too_long(rendered):
        raise TemplateError(TOO_LONG)
    return rendered


def _render(value: object, variables: Mapping[str, JsonValue], functions: Functions | None) -> JsonValue:
    if isinstance(value, str):
        return _render_text(value, variables, functions) if "{{" in value else value
    if isinstance(value, dict):
        return {
            text(_render_inside(key, key, variables, functions)): _render_inside(key, item, variables, functions)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_render_inside(index, item, variables, functions) for index, item in enumerate(value)]
    return value


def _render_inside(
    key: str | int, value: object, variables: Mapping[str, JsonValue], functions: Functions | None
) -> JsonValue:
    try:
        return _render(value, variables, functions)
    except TemplateError as error:
        error.inside(key)
        raise


def _render_text(source: str, variables: Mapping[str, JsonValue], functions: Functions | None) -> JsonValue:
    parts = compile_template(source)
    if len(parts) == 1 and not isinstance(parts[0], str):
        return _value(parts[0], variables, functions)
    texts, room = [], MAX_VALUE
    for part in parts:
        texts.append(part if isinstance(part, str) else text(_value(part, variables, functions)))
        room -= len(texts[-1])
        if room < 0:
            raise TemplateError(TOO_LONG)
    return "".join(texts)


def is_too_long(value: object, limit: int = MAX_VALUE) -> bool:
    """Tell whether a value is longer than the limit, counted as MAX_VALUE is. Looks no further than that."""
    if isinstance(value, str | bytes):
        return len(value) > limit
    waiting, room = [value], limit
    while waiting and room >= 0:
        one = waiting.pop()
        if isinstance(one, dict):
            room -= sum(map(len, one))
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, str):
            room -= len(one)
        room -= 8
    return room < 0


def text(value: object) -> str:
    """Write a value as it stands inside a text: a string bare, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _value(part: Argument | Call, variables: Mapping[str, JsonValue], functions: Functions | None) -> JsonValue:
    if isinstance(part, Lookup):
        return look_up(part, variables)
    if not isinstance(part, Call):
        return part
    if functions is None:
        raise TemplateError(f"${part.function} cannot be used here")
    arguments = [_value(argument, variables, functions) for argument in part.arguments]
    return FUNCTIONS[part.function][2](functions, *arguments)


def look_up(lookup: Lookup, variables: Mapping[str, JsonValue]) -> JsonValue:
    """Follow a path from a variable. Raises UndefinedVariable naming as much of the path as leads nowhere."""
    if lookup.name not in variables:
        raise UndefinedVariable(lookup.name)
    value = variables[lookup.name]
    for key in lookup.path:
        of_object = isinstance(value, dict) and key in value
        of_list = isinstance(value, list) and isinstance(key, int) and key < len(value)
        if not (of_object or of_list):
            raise UndefinedVariable(lookup.source)
        value = value[key]
    return value


@lru_cache(4_096)
def compile_name(source: str) -> Lookup:
    """Read `name.path[0]` as a `variable` query has it. Raises TemplateInvalid."""
    if not re.fullmatch(_PATH, source):
        raise TemplateInvalid(f"{source[:40]!r} is no name of a variable")
    return _lookup(source)


# --- functions


def _uuid(functions: Functions) -> str:
    return str(uuid.UUID(int=functions.random.getrandbits(128), version=4))


def _timestamp(functions: Functions) -> int:
    return int(functions.now.timestamp())


def _iso_date(functions: Functions, offset: timedelta = timedelta()) -> str:
    try:
        return (functions.now.astimezone(UTC) + offset).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError as error:
        raise TemplateError("$iso_date: the offset leads out of the calendar") from error


def _random_int(functions: Functions, low: object, high: object) -> int:
    if type(low) is not int or type(high) is not int or low > high:
        raise TemplateError(f"$random_int takes two whole numbers, the lower first, not {text(low)} and {text(high)}")
    return functions.random.randint(low, high)


def _base64(_: Functions, value: object) -> str:
    return base64.b64encode(_bytes(value)).decode()


def _sha256(_: Functions, value: object) -> str:
    return hashlib.sha256(_bytes(value)).hexdigest()


def _hmac_sha256(_: Functions, key: object, value: object) -> str:
    return hmac.digest(_bytes(key), _bytes(value), "sha256").hex()


def _environment_name(functions: Functions) -> str:
    if functions.environment is None:
        raise UndefinedVariable("$env.name")
    return functions.environment


def _bytes(value: object) -> bytes:
    return text(value).encode(errors="replace")


FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "uuid": (0, 0, _uuid),
    "timestamp": (0, 0, _timestamp),
    "iso_date": (0, 1, _iso_date),
    "random_int": (2, 2, _random_int),
    "base64": (1, 1, _base64),
    "sha256": (1, 1, _sha256),
    "hmac_sha256": (2, 2, _hmac_sha256),
    "env.name": (0, 0, _environment_name),
}
"""Word of each function: fewest and most arguments, and what it does."""
