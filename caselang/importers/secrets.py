"""Finding credentials in imported requests, and putting `{{name}}` in their place.

Public: `SecretFinder().without_secrets(step, path)`, then its `found`.
"""

import itertools
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

SHORTEST = 6
"""Environments keep no shorter secrets, and reports do not mask them."""
_TELLING = re.compile(
    r"(?:^|[^a-z])(?:authorization|api[-_]?key|apikey|access[-_]?key|private[-_]?key|token|secret|passw(?:or)?d|pwd|session(?:id)?"
    r"|sid|jwt|signature|credential)s?$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_QUERY = re.compile(r"(?<=[?&])([^=&#]+)=([^&#]*)")
_COOKIE = re.compile(r"([^=;\s]+)=([^;]*)")


@dataclass(frozen=True)
class Secret:
    """A credential that was in the text."""

    name: str
    """Stands as `{{name}}` in the steps."""
    value: str
    field: str
    """Where it stood first: `steps[0].request.auth.token`."""


class SecretFinder:
    """Gives each value one name, however often it occurs."""

    def __init__(self) -> None:
        self.found: list[Secret] = []

    def without_secrets(self, step: dict[str, Any], path: str) -> dict[str, Any]:
        """The step with names in place of credentials."""
        request = dict(step["request"])
        where = f"{path}.request"
        request["url"] = _QUERY.sub(
            lambda match: f"{match[1]}={self._named(unquote(match[1]), match[2], f'{where}.url')}", request["url"]
        )
        for part in ("auth", "headers", "body"):
            if part in request:
                request[part] = self._inside("", request[part], f"{where}.{part}")
        return {**step, "request": request}

    def _inside(self, name: str, value: Any, path: str) -> Any:  # noqa: ANN401 (JSON)
        if isinstance(value, dict):
            return {key: self._inside(key, item, f"{path}.{key}") for key, item in value.items()}
        if isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value):  # noqa: PLR2004
            return [value[0], self._inside(value[0], value[1], f"{path}.{value[0]}")]
        if isinstance(value, list):
            return [self._inside(name, item, f"{path}[{index}]") for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        if name.lower() == "cookie":
            return _COOKIE.sub(lambda match: f"{match[1]}={self._named(match[1], match[2], path)}", value)
        return self._named(name, value, path)

    def _named(self, name: str, value: str, path: str) -> str:
        """The place-holder of a value whose name tells that it is secret; any other value as it is."""
        words = _CAMEL.sub("_", name)
        if len(value) < SHORTEST or "{{" in value or "\ue001" in value or not _TELLING.search(words):
            return value
        known = next((secret for secret in self.found if secret.value == value), None)
        if known is None:
            plain = re.sub(r"\W+", "_", words.lower(), flags=re.ASCII).strip("_")
            known = Secret(self._free(plain or "secret"), value, path)
            self.found.append(known)
        return f"{{{{{known.name}}}}}"

    def _free(self, name: str) -> str:
        name = name if name[0].isalpha() else f"secret_{name}"
        taken = {secret.name for secret in self.found}
        others = (f"{name}_{number}" for number in itertools.count(2))
        return name if name not in taken else next(other for other in others if other not in taken)
