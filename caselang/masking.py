"""Secrets, masked wherever they show: raw, URL-encoded, JSON-escaped, in base64, alone or inside something longer.

Public: `Mask(secrets)` with `mask(value)` and `locate(value)`, over any JSON value; `MASKED`.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from caselang.template import JsonValue

MASKED = "***"
MIN_LENGTH = 6
"""A shorter secret is not masked: it would show everywhere. The catalog refuses such."""
_LEFT_ALONE = re.compile(r"[A-Za-z0-9]+")
"""What no way of writing changes."""


@dataclass(frozen=True)
class _Form:
    """One way in which a secret may show; `left` and `right` are patterns of what else belongs to it."""

    name: str
    text: str
    left: str = ""
    right: str = ""

    @cached_property
    def needle(self) -> str:
        """The longest piece that looks the same in every way of writing, to pass quickly over texts without it."""
        return max(_LEFT_ALONE.findall(self.text), key=len, default="")

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Match the text however each of its characters is written: bare, percent-encoded, or escaped for JSON."""
        return re.compile(self.left + "".join(map(_any_writing, self.text)) + self.right)


class Mask:
    """Knows the secrets of one case run: values by name."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        longest_first = sorted(secrets.items(), key=lambda item: -len(item[1]))
        self._forms = [
            form for name, secret in longest_first if len(secret) >= MIN_LENGTH for form in _forms(name, secret)
        ]

    def mask(self, value: JsonValue) -> JsonValue:
        """Put `***` in place of each secret in the texts, keys and numbers of a JSON value."""
        return self._walk(value, "", None)

    def locate(self, value: JsonValue) -> list[dict[str, str]]:
        """List where `mask` finds something: {pointer (RFC 6901), name of the secret}."""
        found: dict[tuple[str, str], None] = {}
        self._walk(value, "", found)
        return [{"pointer": pointer, "name": name} for pointer, name in found]

    def _walk(self, value: JsonValue, pointer: str, found: dict[tuple[str, str], None] | None) -> JsonValue:
        if not self._forms or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value, pointer, found)
        if isinstance(value, dict):
            return {
                self._text(key, pointer, found): self._walk(item, f"{pointer}/{_escaped(key)}", found)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._walk(item, f"{pointer}/{index}", found) for index, item in enumerate(value)]
        written = json.dumps(value)
        masked = self._text(written, pointer, found)
        return value if masked == written else masked

    def _text(self, text: str, pointer: str, found: dict[tuple[str, str], None] | None) -> str:
        again = True
        while again:
            again = False
            for form in self._forms:
                if form.needle in text and (masked := form.pattern.sub(MASKED, text)) != text:
                    # What is left on both sides may make up a secret again; each round makes the text shorter.
                    again, text = True, masked
                    if found is not None:
                        found[pointer, form.name] = None
        return text


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _forms(name: str, secret: str) -> Iterator[_Form]:
    """Give the secret itself and its base64.

    Inside longer base64, such as that of `user:secret`, the secret begins at one of three places in a group of four
    characters; those that it shares with its neighbours are masked as well.
    """
    yield _Form(name, secret)
    raw = secret.encode(errors="replace")
    for offset in range(3):
        shared_end = (offset + len(raw)) % 3 != 0
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        core = encoded[-(-8 * offset // 6) : len(encoded) - shared_end]
        left = "[A-Za-z0-9+/_-]?" if offset else ""
        right = "[A-Za-z0-9+/_-]?=*" if shared_end else ""
        yield _Form(name, core, left, right)
        if any(char in core for char in "+/"):
            yield _Form(name, core.replace("+", "-").replace("/", "_"), left, right)


def _any_writing(char: str) -> str:
    if _LEFT_ALONE.fullmatch(char):
        return char
    percent = quote(char, safe="", errors="replace") if char not in "-._~" else f"%{ord(char):02X}"
    short = json.dumps(char, ensure_ascii=False)[1:-1]
    long = "".join(f"\\u{unit:04x}" for unit in _utf16(char))
    writings = {re.escape(char), f"(?i:{re.escape(percent)})", re.escape(short), f"(?i:{re.escape(long)})"}
    if char == " ":
        writings.add(r"\+")
    if char == "/":
        writings.add(r"\\/")
    return f"(?:{'|'.join(sorted(writings, key=len, reverse=True))})"


def _utf16(char: str) -> Iterable[int]:
    units = char.encode("utf-16-be", errors="surrogatepass")
    return [int.from_bytes(units[index : index + 2]) for index in range(0, len(units), 2)]
