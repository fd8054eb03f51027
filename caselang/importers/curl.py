"""cURL commands as steps of a case.

Public: `convert(text) -> Converted`. What could not be kept is told in `notes`, one per option; credentials are taken
out of the steps into `secrets_found`, and `{{name}}` stands in their place.
"""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from caselang.document import parse
from caselang.faults import DocumentInvalid
from caselang.importers.curl_options import Option, is_known, requests
from caselang.importers.secrets import Secret, SecretFinder
from caselang.importers.shell import Command, as_template, commands, variables
from caselang.template import JsonValue

N_ = str
"""Marks a text for those who collect what is to be translated."""
NOTES = {
    "approximated": N_("{option}: kept as retries of the step, which is not quite the same"),
    "converted": N_("{option}: TLS certificates are not verified"),
    "environment": N_("{option}: belongs to the environment ({as}); set it there"),
    "file": N_("{option}: the file {as} is not here; put its content in place"),
    "left_out": N_("{option}: left out, it does not change the request"),
    "unsupported": N_("{option}: cannot be kept"),
    "unknown": N_("{option}: there is no such option of cURL; left out"),
    "variable": N_("{option}: a variable of the shell; give {{{{{as}}}}} a value"),
    "computed": N_("{option}: only a shell can do this; left out"),
    "not_curl": N_("{option}: is not cURL; left out"),
    "no_url": N_("{option}: a command without a URL; left out"),
    "too_many": N_("{option}: only the first {as} requests are taken"),
    "refused": N_("{option}: cannot be saved so: {as}"),
}
"""The kinds of notes, with their message."""

MAX_STEPS = 200
_FORM = "application/x-www-form-urlencoded"
_ONLY_OUTPUT = re.compile(
    "[fijnNoORsSvVwDc#Z]|(no-)?(show-error|silent|verbose|include|output|output-dir|remote-name|write-out|dump-header"
    "|cookie-jar|progress-bar|progress-meter|fail(-with-body)?|buffer|trace(-ascii)?|stderr|create-dirs|parallel"
    "|styled-output|show-headers|keepalive(-time)?|junk-session-cookies)"
)
_SAID_ANYWAY = re.compile("compressed|globoff")
"""Options that ask for what a case does in any event."""


@dataclass(frozen=True)
class Note:
    """Something that the steps say otherwise than the command did, or not at all."""

    step: int | None
    """Index of the step; None: of no step."""
    kind: str
    option: str
    values: dict[str, str]

    @property
    def message(self) -> str:
        """The English message, with placeholders for `values`."""
        return NOTES[self.kind]


@dataclass
class Converted:
    """Steps for a case, what to know about them, and the credentials that were in the text."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    secrets_found: list[Secret] = field(default_factory=list)


def convert(text: str) -> Converted:
    """Turn every cURL command of a text into a step."""
    finder = SecretFinder()
    done = Converted(secrets_found=finder.found)
    for command in commands(text):
        program = command.words[0].replace("\\", "/").rpartition("/")[2].lower()
        if program not in {"curl", "curl.exe"}:
            done.notes.append(_note(None, "not_curl", command.words[0][:40]))
            continue
        for request in requests(command.words[1:]):
            if len(done.steps) >= MAX_STEPS:
                done.notes.append(_note(None, "too_many", program, str(MAX_STEPS)))
                return done
            _add_step(done, finder, command, request)
    return done


def _note(step: int | None, kind: str, option: str, becomes: str = "") -> Note:
    return Note(step, kind, option, {"option": option, "as": becomes})


class _Request:
    """What the options of one command say, one after the other."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.notes: list[Note] = []
        self.urls: list[str] = []
        self.method: str | None = None
        self.headers: list[list[str]] = []
        self.auth: dict[str, Any] | None = None
        self.data: list[str] = []
        self.parts: list[dict[str, Any]] = []
        self.options: dict[str, Any] = {"follow_redirects": False}
        self.flags: set[str] = set()
        self.left_out: list[str] = []

    def take(self, option: Option) -> None:
        written, name, value = option
        if name in {"url", "request", "user-agent", "referer", "oauth2-bearer", "user", "cookie"}:
            self._take_text(written, name, value)
        elif name == "header":
            self._header(written, value)
        elif name.startswith("data") or name == "json":
            self._data(written, name, value)
        elif name in {"form", "form-string"}:
            self._part(written, value, literal=name == "form-string")
        elif name in {"get", "head"}:
            self.flags.add(name)
        elif name in {"location", "location-trusted"}:
            self.options.pop("follow_redirects", None)
        else:
            self._take_limit(written, name, value)

    def _take_text(self, written: str, name: str, value: str) -> None:
        if name == "url":
            self.urls.append(value if "://" in value or as_template(value).startswith("{{") else f"http://{value}")
        elif name == "request":
            self.method = value.upper()
        elif name == "user":
            username, _, password = value.partition(":")
            self.auth = {"type": "basic", "username": username, "password": password}
        elif name == "oauth2-bearer":
            self.auth = {"type": "bearer", "token": value}
        elif name == "cookie" and "=" not in value:
            self._say("file", written, value)
        else:
            self.headers.append([{"user-agent": "User-Agent", "referer": "Referer", "cookie": "Cookie"}[name], value])

    def _take_limit(self, written: str, name: str, value: str) -> None:
        if name == "insecure":
            self.options["verify_tls"] = False
            self._say("converted", written)
        elif name == "max-time" and _number(value):
            self.options["timeout_ms"] = min(max(int(float(value) * 1000), 1), 600_000)
        elif name == "max-redirs" and value.isdecimal():
            self.options["max_redirects"] = min(int(value), 50)
        elif name == "retry" and value.isdecimal():
            self.options["retry"] = {"max": min(int(value), 100)}
            self._say("approximated", written)
        elif name in {"proxy", "socks5", "socks5-hostname", "socks4", "socks4a", "preproxy"}:
            self._say("environment", written, "proxy")
        elif name == "upload-file":
            self.method = self.method or "PUT"
            self._say("file", written, value)
        elif _ONLY_OUTPUT.fullmatch(name):
            self.left_out.append(written)
        elif not _SAID_ANYWAY.fullmatch(name):
            self._say("unsupported" if is_known(name) else "unknown", written)

    def _header(self, written: str, value: str) -> None:
        name, colon, text = value.partition(":")
        if value.startswith("@"):
            self._say("file", written, value[1:])
        elif not colon and name.endswith(";"):
            self.headers.append([name[:-1], ""])
        elif not text.strip():
            self._say("unsupported", f"{written} {value}"[:60])
        elif name.lower() == "authorization" and (auth := _authorization(text.strip())):
            self.auth = auth
        else:
            self.headers.append([name.strip(), text.strip()])

    def _data(self, written: str, name: str, value: str) -> None:
        if name == "json":
            self.flags.add("json")
        if name != "data-raw" and value.startswith("@"):
            self._say("file", written, value[1:])
            value = ""
        if name == "data-urlencode":
            key, equals, text = value.partition("=")
            value = (
                f"{key}{equals}{quote(text, safe='')}" if equals and key else quote(text if equals else value, safe="")
            )
        self.data.append(value)

    def _part(self, written: str, value: str, *, literal: bool) -> None:
        name, _, text = value.partition("=")
        part: dict[str, Any] = {"name": name, "text": text}
        if not literal:
            text, *more = text.split(";")
            part["text"] = text
            if text[:1] in {"@", "<"}:
                self._say("file", f"{written} {name}", text[1:])
                part |= {"text": ""} | ({"filename": text[1:].rpartition("/")[2]} if text[0] == "@" else {})
            for key, _, given in (one.strip().partition("=") for one in more):
                if key in {"type", "filename"}:
                    part["content_type" if key == "type" else key] = given.strip('"')
        self.parts.append(part)

    def _say(self, kind: str, option: str, becomes: str = "") -> None:
        self.notes.append(_note(self.step, kind, option, becomes))

    def has_header(self, name: str) -> str | None:
        return next((value for given, value in self.headers if given.lower() == name), None)

    def request(self, url: str) -> dict[str, Any]:
        """The request of the document."""
        body = self._body()
        data = "&".join(self.data)
        if "get" in self.flags and data:
            url, body = f"{url}{'&' if '?' in url else '?'}{data}", None
        sends = body is not None and "get" not in self.flags
        method = self.method or ("HEAD" if "head" in self.flags else "POST" if sends else "GET")
        found: dict[str, Any] = {"method": method, "url": url}
        names = [name.lower() for name, _ in self.headers]
        if self.headers:
            found["headers"] = dict(self.headers) if len(set(names)) == len(names) else self.headers
        if self.auth:
            found["auth"] = self.auth
        if body is not None:
            found["body"] = body
        return found

    def _body(self) -> dict[str, JsonValue] | None:
        if self.parts:
            self.headers = [pair for pair in self.headers if pair[0].lower() != "content-type"]
            return {"multipart": self.parts}
        if not self.data or "get" in self.flags:
            return None
        text = "".join(self.data) if "json" in self.flags else "&".join(self.data)
        if "json" in self.flags:  # what --json says
            for name in ("Content-Type", "Accept"):
                if self.has_header(name.lower()) is None:
                    self.headers.append([name, "application/json"])
        given = self.has_header("content-type") or _FORM
        kind = given.partition(";")[0].strip().lower()
        if kind == "application/json" or kind.endswith("+json"):
            try:
                return {"json": _exact_json(text)}
            except ValueError:
                return {"text": text}
        if kind == _FORM:
            return self._form(text)
        return {"text": text}

    def _form(self, text: str) -> dict[str, JsonValue]:
        """A form, if reading and writing it gives the same text."""
        pairs = parse_qsl(text, keep_blank_values=True)
        if pairs and text in {urlencode(pairs), urlencode(pairs, quote_via=quote), urlencode(pairs, safe="@:/,{}[]")}:
            self.headers = [pair for pair in self.headers if pair[0].lower() != "content-type"]
            return {"form": [list(pair) for pair in pairs]}
        if self.has_header("content-type") is None:
            self.headers.append(["Content-Type", _FORM])
        return {"text": text}


def _add_step(done: Converted, finder: SecretFinder, command: Command, options: list[Option]) -> None:
    index = len(done.steps)
    request = _Request(index)
    for option in options:
        request.take(option)
    if not request.urls:
        done.notes.append(_note(None, "no_url", " ".join(word for word, *_ in options)[:60] or "curl"))
        return
    if request.left_out:
        request.notes.append(_note(index, "left_out", ", ".join(dict.fromkeys(request.left_out))))
    for lost in dict.fromkeys(command.lost):
        request.notes.append(_note(index, "computed", lost))
    for name in dict.fromkeys(name for word in command.words for name in variables(word)):
        request.notes.append(_note(index, "variable", f"${name}", name))
    for url in request.urls:
        step: dict[str, Any] = {"name": "", "type": "request", "request": request.request(url)}
        if request.options:
            step["options"] = dict(request.options)
        step = finder.without_secrets(step, f"steps[{len(done.steps)}]")
        step = _templates(step)
        path = re.sub(r"^\w+://[^/?#]*|[?#].*", "", url, flags=re.DOTALL)
        step["name"] = f"{step['request']['method']} {as_template(path) or '/'}"[:100]
        done.steps.append(step)
    done.notes += request.notes
    done.notes += _refusals(index, done.steps[-1])


def _refusals(index: int, step: dict[str, Any]) -> list[Note]:
    """What of a step cannot be saved."""
    try:
        parse({"apiVersion": "rounds/v1", "kind": "Case", "name": "curl", "steps": [step]})
    except DocumentInvalid as invalid:
        return [
            _note(index, "refused", fault.field.removeprefix("steps[0]."), fault.message) for fault in invalid.faults
        ]
    return []


def _templates(value: Any) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, str):
        return as_template(value)
    if isinstance(value, list):
        return [_templates(item) for item in value]
    return {as_template(key): _templates(item) for key, item in value.items()} if isinstance(value, dict) else value


def _authorization(value: str) -> dict[str, Any] | None:
    """The scheme's own way to write an Authorization header, where there is one."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer" and rest.strip():
        return {"type": "bearer", "token": rest.strip()}
    if scheme.lower() == "basic":
        try:
            username, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
        except ValueError:
            return None
        return {"type": "basic", "username": username, "password": password} if colon else None
    return None


def _number(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d*)?", text) is not None


def _exact_json(text: str) -> JsonValue:
    """A JSON text, unless reading and writing it would change what it says.

    Raises: ValueError.
    """

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(found)) != len(found):
            raise ValueError("a name repeats")
        return dict(found)

    def number(literal: str) -> float:
        if repr(float(literal)) != literal:
            raise ValueError("digits would be lost")
        return float(literal)

    try:
        read: JsonValue = json.loads(text, object_pairs_hook=pairs, parse_float=number, parse_constant=number)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return read
