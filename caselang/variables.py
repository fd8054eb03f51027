"""Variables of a case run, each with where its value came from.

Public: `Variables`, a mapping of values by name that templates and queries read, with `put`, `enter_call`,
`leave_call` and `report`; `initial`, which makes them for a case run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from caselang.template import Functions, JsonValue, TemplateError, is_template, render

Source = Literal["project", "environment", "case", "row", "call", "set", "captured"]
"""Where a value came from: later wins, in this order."""


@dataclass(frozen=True, eq=False)
class Variable:
    """A value and its origin; `step` is the path of the step that gave it, such as `5.2.3`."""

    value: JsonValue
    source: Source
    step: str | None = None


class Variables(Mapping[str, JsonValue]):
    """Values by name."""

    def __init__(self, variables: Mapping[str, Variable] | None = None) -> None:
        self.origins = dict(variables or {})

    def __getitem__(self, name: str) -> JsonValue:
        return self.origins[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self.origins)

    def __len__(self) -> int:
        return len(self.origins)

    def put(self, name: str, value: JsonValue, source: Source, step: str | None = None) -> None:
        """Give a variable its value, over any that it had."""
        self.origins[name] = Variable(value, source, step)

    def put_rendered(
        self,
        values: Mapping[str, JsonValue],
        source: Source,
        step: str | None = None,
        functions: Functions | None = None,
    ) -> None:
        """Render the values of a document one after the other, so that a later one may use an earlier, and put them.

        Raises UndefinedVariable, TemplateError, with the name in front of `field`.
        """
        for name, value in values.items():
            try:
                rendered = render(value, self, functions)
            except TemplateError as error:
                error.inside(name)
                raise
            self.put(name, rendered, source, step)

    def enter_call(
        self,
        case_variables: Mapping[str, JsonValue],
        given: Mapping[str, JsonValue],
        step: str,
        functions: Functions | None = None,
    ) -> "Variables":
        """Make the variables inside a call: the caller's over the called case's own, and on top what the call gives.

        `given` is rendered with the caller's values. Raises UndefinedVariable, TemplateError.
        """
        rendered = {}
        for name, value in given.items():
            try:
                rendered[name] = render(value, self, functions)
            except TemplateError as error:
                error.inside(name)
                raise
        inner = Variables(self.origins)
        weaker = {"project", "environment", "case"}
        own = {
            name: value
            for name, value in case_variables.items()
            if name not in inner or inner.origins[name].source in weaker
        }
        inner.put_rendered(own, "case", functions=functions)
        for name, value in rendered.items():
            inner.put(name, value, "call", step)
        return inner

    def leave_call(self, inner: "Variables") -> None:
        """Keep what was set or captured inside a call; what was given to it is gone."""
        for name, variable in inner.origins.items():
            if variable.source in {"set", "captured"} and variable is not self.origins.get(name):
                self.origins[name] = variable

    def report(self) -> list[dict[str, Any]]:
        """List name, source, step and value as reports show them; secrets are not masked yet."""
        return [
            {"name": name, "source": variable.source, "step": variable.step, "value": variable.value}
            for name, variable in self.origins.items()
        ]


def initial(
    *,
    project: Mapping[str, JsonValue],
    environment: Mapping[str, JsonValue],
    case: Mapping[str, JsonValue],
    row: Mapping[str, JsonValue] | None = None,
    functions: Functions | None = None,
) -> Variables:
    """Make the variables that a case run begins with; later wins.

    Those of the environment (with its secrets, `base_url` and `base_urls`) and of the project stand as they are; those
    of the case and of the data row are templates, and either may use the other's plain values.
    Raises UndefinedVariable, TemplateError.
    """
    variables = Variables()
    for name, value in project.items():
        variables.put(name, value, "project")
    for name, value in environment.items():
        variables.put(name, value, "environment")
    row = row or {}
    fixed = {name: value for name, value in row.items() if not is_template(value)}
    variables.put_rendered(fixed, "row", functions=functions)
    variables.put_rendered(
        {name: value for name, value in case.items() if name not in row}, "case", functions=functions
    )
    variables.put_rendered(
        {name: value for name, value in row.items() if name not in fixed}, "row", functions=functions
    )
    return variables
