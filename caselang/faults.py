"""What is wrong with a document, told so that a person can find it.

Public: `Fault`, `DocumentInvalid`, `refusal` (raised inside the document's models), `faults_of`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

_WRONG_WORD = frozenset({"literal_error", "union_tag_invalid", "enum"})
_OUT_OF_RANGE = frozenset(
    {"greater_than_equal", "less_than_equal", "string_too_long", "string_too_short", "too_long", "too_short"}
)
_OWN = frozenset({"bad_format", "out_of_range", "not_supported", "duplicate", "missing", "unknown_field", "wrong_type"})
_STEP_LISTS = frozenset({"steps", "teardown"})


@dataclass(frozen=True)
class Fault:
    """One fault: `field` is a path such as `steps[2].asserts[0].predicate`, empty for the document as a whole."""

    field: str
    reason: str
    """missing, unknown_field, wrong_type, out_of_range, bad_format, duplicate or not_supported."""
    message: str


class DocumentInvalid(ValueError):
    """A document that is no case, with every fault found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field or 'document'}: {fault.message}" for fault in faults))
        self.faults = list(faults)


def refusal(reason: str, message: str, field: str | None = None) -> PydanticCustomError:
    """Build the error by which a model refuses a value, or the field of that name in it."""
    context = {"message": message} if field is None else {"message": message, "field": field}
    return PydanticCustomError(reason, "{message}", context)


def faults_of(error: ValidationError) -> list[Fault]:
    """Translate pydantic's errors."""
    return [_fault(detail) for detail in error.errors(include_url=False, include_input=False)]


def _fault(detail: ErrorDetails) -> Fault:
    kind = detail["type"]
    location = _without_tags(detail["loc"])
    message = detail["msg"]
    if kind in {"union_tag_not_found", "union_tag_invalid"}:
        location.append("type")
        kind = "missing" if kind == "union_tag_not_found" else kind
        message = _tag_message(detail)
    own_field = detail.get("ctx", {}).get("field")
    if kind in _OWN and own_field is not None:
        location.append(own_field)
    return Fault(field_path(location), _reason(kind), message)


def _tag_message(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "union_tag_not_found":
        return "Field required"
    return f"there is no {context.get('tag')!r}, only {context.get('expected_tags')}"


def _reason(kind: str) -> str:
    if kind in _OWN:
        return kind
    if kind == "extra_forbidden":
        return "unknown_field"
    if kind in _WRONG_WORD:
        return "not_supported"
    if kind in _OUT_OF_RANGE:
        return "out_of_range"
    return "wrong_type" if kind.endswith("_type") else "bad_format"


def field_path(location: Sequence[str | int]) -> str:
    """Write a location as `steps[2].auth.token`."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def _without_tags(location: Sequence[str | int]) -> list[str | int]:
    """Leave out the tags and types that pydantic puts in for the member of a union."""
    kept: list[str | int] = []
    for index, part in enumerate(location):
        before = location[index - 1] if index else None
        of_a_step = isinstance(before, int) and index > 1 and location[index - 2] in _STEP_LISTS
        of_a_list = before == "in" and isinstance(part, str)
        if not (of_a_step or of_a_list or before == "auth" or part == "[key]"):
            kept.append(part)
    return kept
