"""Documents as YAML text: only what JSON also has.

Public: `load_yaml(text)`, `dump_yaml(value)`. Words are read as in YAML 1.2's core schema, so `yes`, `on`, `1:30` and
`2025-08-26` stay texts. Aliases, tags, merge keys and a key said twice are refused.
"""

import re
from collections.abc import Hashable
from typing import Any, cast

import yaml

from caselang.faults import DocumentInvalid, Fault
from caselang.template import JsonValue

_MAX_CHARS = 2 * 1024 * 1024
_MAX_NESTING = 200
_TAGS = frozenset({"null", "bool", "str", "seq", "map"})
_WORDS = (
    ("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+"), list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"),
        list("-+.0123456789"),
    ),
)


def _refusal(problem: str, at: yaml.Node | yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=cast("yaml.Mark", at.start_mark))


class _Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - as the base class has it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        pairs: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is no text", key_node.start_mark)
            if key in pairs:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is there twice", key_node.start_mark
                )
            pairs[key] = self.construct_object(value_node, deep=deep)
        return pairs

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        try:
            return int(node.value)
        except ValueError as error:
            raise _refusal("too long a number", node) from error


class _Dumper(yaml.CSafeDumper):
    """Quotes also what a reader of YAML 1.1 would take for something else than a text."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def _write_text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


for _tag, _pattern, _first in _WORDS:
    _anchored = re.compile(rf"(?:{_pattern.pattern})\Z")
    _Loader.add_implicit_resolver(_tag, _anchored, _first)
    _Dumper.add_implicit_resolver(_tag, _anchored, _first)
_Dumper.add_representer(str, _write_text)
_Loader.yaml_constructors = {
    tag: make for tag, make in yaml.CSafeLoader.yaml_constructors.items() if tag is None or tag.split(":")[-1] in _TAGS
}
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_decimal)
_Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: float(node.value))


def load_yaml(text: str) -> JsonValue:
    """Read one YAML (or JSON) text as JSON values. Raises DocumentInvalid, naming line and column."""
    if len(text) > _MAX_CHARS:
        raise DocumentInvalid([Fault("", "out_of_range", f"a text has at most {_MAX_CHARS} characters")])
    try:
        _refuse_bombs(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - built on the safe loader
    except yaml.YAMLError as error:
        raise DocumentInvalid([Fault("", "bad_format", f"no YAML: {_one_line(error)}")]) from error
    except (ValueError, RecursionError) as error:
        raise DocumentInvalid([Fault("", "bad_format", f"no YAML: {error}")]) from error


def _refuse_bombs(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("aliases are not read", event)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_NESTING:
            raise _refusal("nested too deep", event)


def _one_line(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return str(error)
    mark = error.problem_mark
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"{error.problem or error.context}{place}"


def dump_yaml(value: JsonValue) -> str:
    """Write JSON values as YAML, keys in the order given."""
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)
