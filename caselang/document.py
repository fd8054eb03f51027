"""The case document as strict models, and `parse`, the one way to read it.

Public: `parse(document, supported) -> Case` (raises DocumentInvalid), `walk(case)`, `calls(case)`,
`variables_used(case)`, and the models. A model is for reading only: what is stored and answered is the document as it
was given. Every text that stands for a value is a template; names, tags, locks, SQL statements and the words of the
format are not.
"""

import json
import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, ValidationInfo, model_validator

from caselang.asserts import Assert, Capture, Condition
from caselang.faults import DocumentInvalid, Fault, faults_of, field_path, refusal
from caselang.requests import MAX_WAIT_MS, Request, RequestOptions, Retry, StepOptions
from caselang.supported import SUPPORTED, Supported
from caselang.template import JsonValue, compile_name, names
from caselang.values import (
    Json,
    Model,
    Name,
    Text,
    VariableName,
    Variables,
    check_word,
    each_once,
    word,
)

MAX_BYTES = 512 * 1024
MAX_DEPTH = 100
"""Objects and lists inside one another, anywhere in a document."""
MAX_GROUPS = 10
"""Groups inside one another."""
MAX_ROWS = 1_000
MAX_INTEGER_BITS = 4_096
MAX_CASE_MS = 21_600_000


# --- steps


class BaseStep(Model):
    """What every step takes."""

    name: Name = "step"
    enabled: bool = True
    when: Condition | None = None


def _captured_once(captures: list[Capture]) -> list[Capture]:
    each_once([capture.name for capture in captures])
    return captures


Captures = Annotated[list[Capture], AfterValidator(_captured_once)]


class RequestStep(BaseStep):
    """Send a request, capture from its answer and judge it."""

    type: Annotated[Literal["request"], word("step")]
    request: Request
    captures: Captures = Field(default_factory=list)
    asserts: list[Assert] = Field(default_factory=list)
    options: RequestOptions = RequestOptions()


class WaitStep(BaseStep):
    """Do nothing for a while."""

    type: Annotated[Literal["wait"], word("step")]
    duration_ms: Annotated[int, Field(ge=0, le=MAX_WAIT_MS)]


class SetStep(BaseStep):
    """Give variables a value, one after the other."""

    type: Annotated[Literal["set"], word("step")]
    variables: Annotated[Variables, Field(min_length=1)]


class CallStep(BaseStep):
    """Run the steps of another case of the project; `variables` are seen only inside it."""

    type: Annotated[Literal["call"], word("step")]
    case_id: Annotated[int, Field(ge=1)]
    variables: Variables = Field(default_factory=dict)


class ForEach(Model):
    """Once per item of a list: a list, or a template that gives one."""

    items: list[Json] | Text = Field(alias="in")
    item: VariableName = Field(alias="as")
    max: Annotated[int, Field(ge=1, le=1_000)] = 1_000


class RepeatUntil(Condition):
    """Again until the condition holds, at most `max` times."""

    max: Annotated[int, Field(ge=1, le=1_000)]
    interval_ms: Annotated[int, Field(ge=0, le=MAX_WAIT_MS)] = 1_000


class GroupStep(BaseStep):
    """Steps that belong together, once, per item, or until a condition holds."""

    type: Annotated[Literal["group"], word("step")]
    for_each: ForEach | None = None
    repeat_until: RepeatUntil | None = None
    steps: "Annotated[list[Step], Field(min_length=1)]"

    @model_validator(mode="after")
    def _one_loop(self) -> "GroupStep":
        if self.for_each and self.repeat_until:
            raise refusal("bad_format", "a group has either for_each or repeat_until", "repeat_until")
        return self


class SqlStep(BaseStep):
    """Ask a database of the environment; the rows become the variable `as`. The statement itself is no template."""

    type: Annotated[Literal["sql"], word("step")]
    connection: Name
    statement: Annotated[str, StringConstraints(min_length=1)]
    parameters: list[Json] = Field(default_factory=list)
    rows: VariableName | None = Field(default=None, alias="as")
    asserts: list[Condition] = Field(default_factory=list)
    options: StepOptions = StepOptions()


Step = Annotated[RequestStep | WaitStep | SetStep | CallStep | GroupStep | SqlStep, Field(discriminator="type")]


# --- the case


class Options(Model):
    """Limits of the case; `failed_stop` not given: the task's."""

    timeout_ms: Annotated[int, Field(ge=1, le=MAX_CASE_MS)] = 600_000
    failed_stop: bool | None = None
    retry: Retry = Retry()
    locks: Annotated[list[Name], Field(max_length=10), AfterValidator(each_once)] = Field(default_factory=list)
    on_worker_loss: Literal["restart", "error"] = "restart"

    @model_validator(mode="after")
    def _runnable_options(self, info: ValidationInfo) -> "Options":
        idle = type(self).model_construct()
        for name in sorted(self.model_fields_set):
            unused = self.retry.max == 0 if name == "retry" else getattr(self, name) == getattr(idle, name)
            if not unused:
                check_word("case option", name, info, name)
        return self


class Case(Model):
    """A case: what is run and judged as one."""

    api_version: Literal["rounds/v1"] = Field(alias="apiVersion")
    kind: Literal["Case"]
    name: Name
    tags: Annotated[list[Name], Field(max_length=50), AfterValidator(each_once)] = Field(default_factory=list)
    variables: Variables = Field(default_factory=dict)
    data: Annotated[list[Variables], Field(min_length=1, max_length=MAX_ROWS)] | None = None
    options: Options = Options()
    steps: Annotated[list[Step], Field(min_length=1)]
    teardown: list[Step] = Field(default_factory=list)


def parse(document: JsonValue, supported: Supported = SUPPORTED) -> Case:
    """Read a case from JSON values.

    Raises DocumentInvalid with every fault that was found: what is no JSON first, then what is no case. A word that is
    not in `supported` is refused as `not_supported`.
    """
    if faults := list(_no_json(document)):
        raise DocumentInvalid(faults)
    if len(json.dumps(document, ensure_ascii=False).encode()) > MAX_BYTES:
        raise DocumentInvalid([Fault("", "out_of_range", f"a document has at most {MAX_BYTES} bytes as JSON")])
    try:
        case = Case.model_validate(document, context={"supported": supported})
    except ValidationError as error:
        raise DocumentInvalid(faults_of(error)) from error
    if faults := [*_too_deep(case.steps, ["steps"], 0), *_too_deep(case.teardown, ["teardown"], 0)]:
        raise DocumentInvalid(faults)
    return case


def _no_json(document: JsonValue) -> Iterator[Fault]:
    """Find what JSON, PostgreSQL or the limits forbid, without recursion: the document may be of any depth."""
    waiting: list[tuple[list[str | int], JsonValue]] = [([], document)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > MAX_DEPTH:
            yield Fault(field_path(path), "out_of_range", f"nested more than {MAX_DEPTH} deep")
            return
        if isinstance(value, dict):
            for key, item in value.items():
                if not isinstance(key, str):
                    yield Fault(field_path(path), "wrong_type", f"the key {key!r} is no text; quote it")
                    continue
                waiting.append(([*path, key], item))
                if problem := _scalar_problem(key):
                    yield Fault(field_path(path), *problem)
        elif isinstance(value, list):
            waiting.extend(([*path, index], item) for index, item in enumerate(value))
        elif problem := _scalar_problem(value):
            yield Fault(field_path(path), *problem)


def _scalar_problem(value: object) -> tuple[str, str] | None:
    """Tell why a value that is neither object nor list cannot be kept: the reason and a message."""
    if isinstance(value, str):
        if "\0" in value:
            return "bad_format", "a text holds a NUL character"
        if not value.isascii() and value.encode(errors="replace").decode() != value:
            return "bad_format", "a text holds half of a surrogate pair"
    elif isinstance(value, float) and not math.isfinite(value):
        return "bad_format", "JSON has no such number"
    elif isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        return "out_of_range", "a number of that many digits is not kept"
    elif not isinstance(value, int | float | None):
        return "wrong_type", f"JSON has no {type(value).__name__}"
    return None


def _too_deep(steps: list[Step], path: list[str | int], depth: int) -> Iterator[Fault]:
    for index, step in enumerate(steps):
        if isinstance(step, GroupStep):
            if depth == MAX_GROUPS:
                yield Fault(field_path([*path, index]), "out_of_range", f"groups nest at most {MAX_GROUPS} deep")
            else:
                yield from _too_deep(step.steps, [*path, index, "steps"], depth + 1)


def walk(case: Case) -> Iterator[Step]:
    """Give every step in order, a group before its own, the teardown last."""
    waiting = [*case.steps, *case.teardown][::-1]
    while waiting:
        step = waiting.pop()
        yield step
        if isinstance(step, GroupStep):
            waiting.extend(reversed(step.steps))


def calls(case: Case) -> list[int]:
    """List the cases that a case calls, each once, those of disabled steps too."""
    return list(dict.fromkeys(step.case_id for step in walk(case) if isinstance(step, CallStep)))


def variables_used(case: Case) -> list[str]:
    """List the variables that a case names, in templates and in `variable` queries, each once."""
    found: dict[str, None] = dict.fromkeys(names([case.variables, case.data or []]))
    for step in (*case.steps, *case.teardown):
        _names_in(step.model_dump(by_alias=True, exclude={"name"}, exclude_unset=True), found)
    return list(found)


def _names_in(part: JsonValue, found: dict[str, None]) -> None:
    if isinstance(part, dict):
        if part.get("type") == "variable" and isinstance(part.get("expr"), str):
            found[compile_name(part["expr"]).name] = None
        for key, item in part.items():
            found.update(dict.fromkeys(names(key)))
            _names_in(item, found)
    elif isinstance(part, list | tuple):
        for item in part:
            _names_in(item, found)
    else:
        found.update(dict.fromkeys(names(part)))
