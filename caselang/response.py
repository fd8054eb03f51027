"""An answer as plain data, which queries look at.

Public: `Response`, `NotJson`.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from caselang.template import JsonValue

MAX_JSON_DEPTH = 100
"""Deeper JSON is taken as none: it cannot be stored, compared or masked without care for the stack."""
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


class NotJson(ValueError):
    """A body that is no JSON; the message says why."""


@dataclass(frozen=True)
class Response:
    """What came back, after redirects."""

    status: int
    headers: list[tuple[str, str]]
    """In the order received; names may repeat."""
    body: bytes
    """Decompressed."""
    url: str
    """The address that answered."""
    duration_ms: float
    ip: str | None = None
    http_version: str | None = None
    certificate: Mapping[str, str] = field(default_factory=dict)
    """Subject, Issuer, Start-Date, Expire-Date (`YYYY-MM-DDTHH:MM:SSZ`) and Serial-Number; empty without TLS."""

    def header_values(self, name: str) -> list[str]:
        """List the values of a header, whatever the case of its name."""
        wanted = name.lower()
        return [value for own, value in self.headers if own.lower() == wanted]

    @cached_property
    def text(self) -> str:
        """The body as text, in the charset of its Content-Type, else UTF-8; what does not decode becomes U+FFFD."""
        declared = _CHARSET.search(", ".join(self.header_values("content-type")))
        try:
            return self.body.decode(declared[1] if declared else "utf-8", errors="replace")
        except LookupError:
            return self.body.decode(errors="replace")

    def json(self) -> JsonValue:
        """Read the body as JSON, all digits of an integer kept; parsed once. Raises NotJson."""
        if isinstance(self._json, NotJson):
            raise self._json
        return self._json

    @cached_property
    def _json(self) -> JsonValue | NotJson:
        if not self.body.strip():
            return NotJson("the body is empty")
        encoding = json.detect_encoding(self.body)
        try:
            source = self.body.decode(encoding, "surrogatepass")
            if _too_deep(self.body if encoding == "utf-8" else source.encode(errors="surrogatepass")):
                return NotJson(f"the body is JSON nested more than {MAX_JSON_DEPTH} deep")
            return _DECODER.decode(source)
        except json.JSONDecodeError as error:
            return NotJson(f"the body is no JSON: {error.msg} (line {error.lineno}, column {error.colno})")
        except ValueError as error:
            return NotJson(f"the body is no JSON: {error}")


def _no_constant(word: str) -> float:
    raise ValueError(f"JSON has no {word}")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is too large a number")
    return value


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
"""Made once: `json.loads` makes one at each call that has options."""
_DEEPER = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(set(range(256)) - _DEEPER.keys() - {ord('"')})


def _too_deep(source: bytes) -> bool:
    """Tell whether JSON is nested too deep, before it is read: reading takes many times the memory of the text."""
    if source.count(b"[") + source.count(b"{") <= MAX_JSON_DEPTH:
        return False
    without_escapes = source.replace(rb"\\", b"").replace(rb"\"", b"")
    quoted = without_escapes.translate(None, _OTHERS)
    brackets = b"".join(quoted.split(b'"')[::2])
    return max(accumulate(map(_DEEPER.__getitem__, brackets)), default=0) > MAX_JSON_DEPTH
