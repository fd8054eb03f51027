"""Reads Hurl files as far as the conversion needs them: entries with their sections, bodies and values."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.conformance.judge import CannotSay

_REQUEST = re.compile(r"([A-Z]+)\s+(\S.*)")
_RESPONSE = re.compile(r"HTTP(?:/(\d(?:\.\d)?))?\s+(\d+|\*)")
_SECTION = re.compile(r"\[(\w+)\]\s*(?:#.*)?")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


@dataclass
class Entry:
    """A request and what is expected of its answer."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    sections: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    body: tuple[str, str] | None = None
    status: str | None = None
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    captures: list[tuple[str, str]] = field(default_factory=list)
    asserts: list[str] = field(default_factory=list)
    response_body: tuple[str, str] | None = None


def entries(text: str) -> Iterator[Entry]:
    """The entries of a file, in order."""
    lines = text.splitlines(keepends=True)
    at, entry, section, answering = 0, None, "", False
    while at < len(lines):
        line = lines[at].strip()
        if not line or line.startswith("#"):
            at += 1
        elif (found := _RESPONSE.match(line)) and entry is not None and not answering:
            if found[1] not in {None, "1", "1.1"}:
                raise CannotSay("another version of HTTP")
            entry.status, answering, section, at = found[2], True, "", at + 1
        elif (found := _SECTION.fullmatch(line)) and entry is not None:
            section, at = found[1], at + 1
            entry.sections.setdefault(section, [])
        elif (found := _REQUEST.fullmatch(line)) and not _is_body(line) and (entry is None or section not in _RAW):
            if entry is not None:
                yield entry
            url = _uncommented(found[2])
            entry, section, answering, at = Entry(found[1], unescaped(url)), "", False, at + 1
        elif entry is None:
            raise CannotSay("a file that is no Hurl")
        elif section == "Asserts" and not _is_body(line):
            text_of, at = _joined(lines, at)
            entry.asserts.append(text_of)
        elif section != "Asserts" and (pair := _pair(line, section)) and not _is_body(line):
            if section == "Captures":
                entry.captures.append(pair)
            elif section:
                entry.sections[section].append((pair[0], _value_of(pair[1], section)))
            else:
                (entry.response_headers if answering else entry.headers).append((pair[0], unescaped(pair[1])))
            at += 1
        else:
            body, at = _body(lines, at)
            if answering:
                entry.response_body = body
            else:
                entry.body = body
            section = ""
    if entry is not None:
        yield entry


_RAW: frozenset[str] = frozenset()


def _value_of(value: str, section: str) -> str:
    return value if section == "Options" or value.startswith("file,") else unescaped(value)


def _is_body(line: str) -> bool:
    if re.match(r"\{\{[^}]*\}\}[^:]*:", line):
        return False
    return line.startswith(("{", "<", "`", "base64,", "hex,", "file,", '"')) or bool(re.match(r"\[(?!\w+\]\s*$)", line))


def _pair(line: str, section: str) -> tuple[str, str] | None:
    found = re.match(r"((?:\\u\{\w+\}|\\.|[^\\:\s#\"{}]|\{\{.*?\}\})+)\s*:\s*(.*)", line)
    if found is None:
        return None
    value = found[2] if section == "Captures" else _uncommented(found[2])
    return unescaped(found[1]), value.strip()


def _uncommented(text: str) -> str:
    return re.split(r"(?<!\\)\s#|(?<!\\)#", text, maxsplit=1)[0].strip()


def unescaped(text: str) -> str:
    """A text with Hurl's escapes undone."""
    text = re.sub(r"\\u\{([0-9a-fA-F]+)\}", lambda found: chr(int(found[1], 16)), text)
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)


def _joined(lines: list[str], at: int) -> tuple[str, int]:
    """A line of asserts with the multi-line text that may follow on it."""
    text = lines[at].strip()
    while text.count("```") % 2:
        at += 1
        text += "\n" + lines[at].rstrip("\n")
    return text, at + 1


def _body(lines: list[str], at: int) -> tuple[tuple[str, str], int]:
    """The kind and the text of a body, and the line after it."""
    line = lines[at].strip()
    if line.startswith("```"):
        if ",escape" in line:
            raise CannotSay("escapes in a text of several lines")
        kind, text = line[3:].split(",")[0] if not line[3:].endswith("```") else "", ""
        if line.endswith("```") and len(line) > 5:
            return ("text", line[3:-3]), at + 1
        at += 1
        while not lines[at].rstrip().endswith("```"):
            text += lines[at]
            at += 1
        text += lines[at].rstrip()[:-3]
        return (kind or "text", text), at + 1
    if line.startswith("`"):
        return ("text", unescaped(line.split("`")[1])), at + 1
    if line.startswith("file,"):
        return ("file", line), at + 1
    if line.startswith(("base64,", "hex,")):
        text = lines[at].strip()
        while ";" not in text:
            at += 1
            text += lines[at].strip()
        return ("bytes", octets(text).hex()), at + 1
    kind = "xml" if line.startswith("<") else "json"
    text = lines[at]
    at += 1
    while not _whole(text, kind) and at < len(lines):
        text += lines[at]
        at += 1
    return (kind, text.strip()), at


def _whole(text: str, kind: str) -> bool:
    if kind == "xml":
        name = re.search(r"<([A-Za-z][\w:.-]*)", text)
        return name is not None and (f"</{name[1]}>" in text or text.rstrip().endswith("/>"))
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', re.sub(r"\{\{.*?\}\}", "0", text))
    return bare.count("{") + bare.count("[") == bare.count("}") + bare.count("]")


def quoted(text: str) -> str:
    """What stands between quotes."""
    return unescaped(text.strip()[1:-1])


def unquoted(text: str) -> str:
    """A regular expression or a text, of either way to write it."""
    return text[1:-1].replace("\\/", "/") if text.startswith("/") else quoted(text)


def octets(text: str) -> bytes:
    """The bytes of `base64,…;` or `hex,…;`."""
    kind, _, digits = text.partition(",")
    digits = re.sub(r"\s", "", digits.partition(";")[0])
    return bytes.fromhex(digits) if kind == "hex" else base64.b64decode(digits + "=" * (-len(digits) % 4))


class Lines:
    """Words and values of an assert or a capture, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()

    def rest(self) -> str:
        """What is not read yet, without a comment."""
        return "" if self._text.startswith("#") else _uncommented(self._text) if '"' not in self._text else self._text

    def word(self) -> str:
        """The next word; empty at the end."""
        found = re.match(r"\S+", self._text)
        word = found[0] if found else ""
        self._text = self._text[len(word) :].lstrip()
        return "" if word.startswith("#") else word

    def value(self) -> Any:  # noqa: ANN401 (JSON, or bytes)
        """The next value."""
        text = self._text
        patterns = (r'"(?:\\.|[^"\\])*"', r"/(?:\\.|[^/\\])*/", r"```.*?```", r"`[^`]*`", r"\{\{.*?\}\}", r"[^\s#]+")
        for pattern in patterns:
            if found := re.match(pattern, text, re.DOTALL):
                self._text = text[len(found[0]) :].lstrip()
                return _literal(found[0])
        raise CannotSay("a value that is not read")


def _literal(text: str) -> Any:  # noqa: ANN401 (JSON, or bytes)
    if text.startswith('"'):
        return quoted(text)
    if text.startswith("```"):
        inner = text[3:-3]
        return inner.partition("\n")[2] if "\n" in inner else inner
    if text.startswith("`"):
        return unescaped(text[1:-1])
    if text.startswith("/"):
        return unquoted(text)
    if text.startswith(("base64,", "hex,")):
        return octets(text)
    if text.startswith("file,"):
        raise CannotSay("a local file")
    if text.startswith("{{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise CannotSay("a value that is not read") from error
