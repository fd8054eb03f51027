"""The types that the document's models are built of: templates, names, pairs, and the words that can be run.

Public: `Model`, `Text`, `Json`, `Name`, `VariableName`, `Variables`, `Pairs`, `word`, `check_word`, `each_once`.
"""

from functools import partial
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)

from caselang.faults import refusal
from caselang.supported import SUPPORTED, Supported
from caselang.template import NAME_PATTERN, Call, JsonValue, TemplateInvalid, compile_template


class Model(BaseModel):
    """A part of the document: strict, and no field that the format does not have."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def check_word(kind: str, word: str, info: ValidationInfo, field: str | None = None) -> str:
    """Refuse a word of the format that cannot be run yet; `kind` as in SUPPORTED, `field` the key that it is."""
    supported: Supported = (info.context or {}).get("supported", SUPPORTED)
    if word not in supported[kind]:
        raise refusal("not_supported", f"the {kind} {word!r} is not supported", field)
    return word


def _templates(value: object, info: ValidationInfo) -> JsonValue:
    """Check every template in a JSON value, keys included."""
    if isinstance(value, str):
        try:
            parts = compile_template(value)
        except TemplateInvalid as error:
            raise refusal("bad_format", str(error)) from error
        for part in parts:
            if isinstance(part, Call):
                check_word("function", part.function, info)
    elif isinstance(value, dict):
        for key, item in value.items():
            _templates(key, info)
            _templates(item, info)
    elif isinstance(value, list | tuple):
        for item in value:
            _templates(item, info)
    return value


def _pairs(value: object) -> list[tuple[str, str]]:
    """Take an object or a list of [name, value] as a list of pairs."""
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list):
        raise refusal("wrong_type", "an object, or a list of [name, value]")
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004
            raise refusal("wrong_type", "a pair is a list of a name and a value")
        if not all(isinstance(text, str) for text in pair):
            raise refusal("wrong_type", f"the name and the value of {str(pair[0])[:40]!r} are texts; quote them")
    return [tuple(pair) for pair in pairs]


def each_once(words: list[str]) -> list[str]:
    """Refuse a list in which something is said twice."""
    if len(set(words)) != len(words):
        raise refusal("duplicate", "each only once")
    return words


def word(kind: str) -> AfterValidator:
    """Check a word by `check_word`."""
    return AfterValidator(partial(check_word, kind))


Text = Annotated[str, AfterValidator(_templates)]
"""A text with templates in it."""
Json = Annotated[Any, AfterValidator(_templates)]
"""Any JSON value with templates in its texts."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"\S")]
_VARIABLE_NAME_SCHEMA = {
    "type": "string",
    "maxLength": 100,
    "pattern": r"^[^\s\d!-/:-@\[-^`{-~][^\s!-,./:-@\[-^`{-~]*$",
}
"""The pattern in the words that every reader of JSON Schemas understands alike, letters of any script included."""
VariableName = Annotated[
    str, StringConstraints(max_length=100, pattern=rf"^{NAME_PATTERN}$"), WithJsonSchema(_VARIABLE_NAME_SCHEMA)
]
Variables = Annotated[
    dict[VariableName, Json], WithJsonSchema({"type": "object", "propertyNames": _VARIABLE_NAME_SCHEMA})
]
_PAIRS_SCHEMA = {
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "array", "items": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}},
    ]
}
Pairs = Annotated[
    list[tuple[str, str]], BeforeValidator(_pairs), AfterValidator(_templates), WithJsonSchema(_PAIRS_SCHEMA)
]
"""An object, or a list of [name, value] where a name repeats; read as a list of pairs."""
