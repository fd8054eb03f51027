"""Hurl's integration tests as cases. An entry is a step; files in `tests_ok` are green, those in `tests_failed` red."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.conformance.hurl_text import Entry, Lines, entries, quoted, unquoted
from bench.conformance.judge import GREEN, RED, CannotSay
from caselang.expressions import ExpressionInvalid, jsonpath

_IGNORED = {
    "verbose",
    "very-verbose",
    "no-output",
    "json",
    "test",
    "jobs",
    "color",
    "no-color",
    "include",
    "ipv4",
    "http1.1",
    "parallel",
    "curl",
    "interactive",
    "output",
    "report-html",
    "report-json",
    "report-junit",
    "report-tap",
    "continue-on-error",
    "file-root",
    "error-format",
    "progress-bar",
}
"""Options of the command that change no verdict."""
_QUERIES = {"status", "url", "ip", "body", "duration", "header", "certificate", "cookie", "xpath", "jsonpath", "regex",
            "variable", "bytes"}  # fmt: skip
_PREDICATES = {
    "==": "==", "!=": "!=", ">": ">", ">=": ">=", "<": "<", "<=": "<=", "startsWith": "starts_with",
    "endsWith": "ends_with", "contains": "contains", "includes": "contains", "matches": "matches", "exists": "exists",
    "isEmpty": "is_empty", "isInteger": "is_integer", "isFloat": "is_float", "isBoolean": "is_boolean",
    "isString": "is_string", "isList": "is_list", "isObject": "is_object", "isIsoDate": "is_date",
}  # fmt: skip
_SCHEMAS = {"isNumber": {"type": "number"}, "isCollection": {"type": ["array", "object"]}}
_COMPARED = {"==", "!=", ">", ">=", "<", "<=", "startsWith", "endsWith", "contains", "includes", "matches"}


def tests(base: Path) -> Iterator[tuple[str, str, dict[str, Any] | CannotSay]]:
    """Name, Hurl's verdict, and the case or why there is none; only files that the suite runs by themselves."""
    for folder, verdict in (("tests_ok", GREEN), ("tests_failed", RED)):
        for path in sorted((base / folder).glob("*.hurl")):
            script = path.with_suffix(".sh")
            if not script.exists():
                continue
            try:
                case: dict[str, Any] | CannotSay = _case(path, script.read_text(), base)
            except CannotSay as reason:
                case = reason
            yield f"{folder}/{path.name}", verdict, case


def _case(path: Path, script: str, base: Path) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    options: dict[str, list[str]] = {}
    command = next((line for line in script.replace("\\\n", " ").splitlines() if line.startswith("hurl ")), "")
    words = shlex.split(command.split("|")[0])[1:]
    if sum(word.endswith(".hurl") for word in words) != 1:
        raise CannotSay("several files in one run")
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            continue
        name, separator, value = word.removeprefix("--").partition("=")
        if name in {"verbose", "very-verbose", "no-output", "json", "test", "location", "compressed", "insecure",
                    "ignore-asserts", "location-trusted", "path-as-is"} or word in {"-v", "-i"}:  # fmt: skip
            value = "true"
        elif not separator and words and not words[0].startswith("-") and not words[0].endswith(".hurl"):
            value = words.pop(0)
        if name == "variable":
            key, _, text = value.partition("=")
            variables[key] = _typed(text)
        elif name not in _IGNORED:
            options.setdefault(name, []).append(value)
    if "@cookie_storage" in path.read_text():
        raise CannotSay("commands in comments")
    if "HURL_" in script:
        raise CannotSay("variables of the process")
    steps: list[dict[str, Any]] = []
    for number, entry in enumerate(entries(path.read_text()), 1):
        steps += _steps(entry, number, options, base)
    if not steps:
        raise CannotSay("no request at all")
    return {"apiVersion": "rounds/v1", "kind": "Case", "name": path.stem[:100], "variables": variables, "steps": steps}


def _typed(text: str) -> Any:  # noqa: ANN401 (JSON)
    if text in {"true", "false"}:
        return text == "true"
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text) if "." in text else int(text)
    return text


def _steps(entry: Entry, number: int, given: dict[str, list[str]], base: Path) -> Iterator[dict[str, Any]]:
    options: dict[str, Any] = {"follow_redirects": False}
    step: dict[str, Any] = {"name": f"entry {number}", "type": "request", "options": options}
    request: dict[str, Any] = {"method": entry.method, "url": _template(entry.url)}
    headers = [[_template(name), _template(value)] for name, value in entry.headers]
    chosen = {name: list(values) for name, values in given.items()}
    if re.search(r":8000/hello$", entry.url):
        raise CannotSay("a server that counts the headers which Hurl adds by itself")
    if entry.url.endswith("/default-headers"):
        raise CannotSay("the tool's own User-Agent")
    if entry.method == "CONNECT":
        raise CannotSay("CONNECT with a path")
    if entry.url.endswith("/get_large"):
        raise CannotSay("a body of more than 10 MiB")
    for name, value in entry.sections.get("Options", []):
        if name == "output":
            raise CannotSay("a local file")
        chosen.setdefault(name, []).append(value)
    for name, values in chosen.items():
        for value in values:
            yield from _option(name, value, options, step, headers, request)
    request["query"] = [[_template(k), _template(v)] for k, v in _pairs(entry, "Query", "QueryStringParams")]
    if cookies := [f"{name}={value}" for name, value in _pairs(entry, "Cookies")]:
        headers.append(["Cookie", _template("; ".join(cookies))])
    for name, value in _pairs(entry, "BasicAuth"):
        request["auth"] = {"type": "basic", "username": _template(name), "password": _template(value)}
    _set_body(entry, request, headers, base)
    request["headers"] = headers
    step["request"] = request
    step["captures"] = [_capture(name, text) for name, text in entry.captures]
    step["asserts"] = list(_asserts(entry)) or [{"query": {"type": "status"}, "predicate": ">", "value": 0}]
    if "ignore-asserts" in chosen:
        step["asserts"] = [{"query": {"type": "status"}, "predicate": ">", "value": 0}]
    yield step


def _pairs(entry: Entry, *names: str) -> list[tuple[str, str]]:
    return [pair for name in names for pair in entry.sections.get(name, [])]


def _option(
    name: str,
    value: str,
    options: dict[str, Any],
    step: dict[str, Any],
    headers: list[list[str]],
    request: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    if name in _IGNORED:
        return
    on = value.strip() == "true"
    if "{{" in value and name not in {"variable", "header", "user"}:
        raise CannotSay("an option that is a template")
    if name == "location":
        options["follow_redirects"] = on
    elif name == "max-redirs" and value.isdigit():
        options["max_redirects"] = int(value)
    elif name == "insecure":
        options["verify_tls"] = not on
    elif name == "skip":
        step["enabled"] = not on
    elif name == "retry" and value.isdigit():
        options.setdefault("retry", {"interval_ms": 1000})["max"] = int(value)
    elif name == "retry-interval":
        options.setdefault("retry", {"max": 0})["interval_ms"] = _milliseconds(value)
    elif name == "delay":
        yield {"name": "delay", "type": "wait", "duration_ms": _milliseconds(value)}
    elif name == "variable":
        key, _, text = value.partition("=")
        text = text.strip()
        known = quoted(text) if text.startswith('"') else _typed(text)
        yield {"name": "set", "type": "set", "variables": {key.strip(): _template(known)}}
    elif name == "header":
        if value.startswith("{{"):
            raise CannotSay("an option that is a template")
        key, _, text = value.partition(":")
        headers.append([key.strip(), _template(text.strip())])
    elif name == "user":
        username, _, password = value.partition(":")
        request["auth"] = {"type": "basic", "username": _template(username), "password": _template(password)}
    elif name == "user-agent":
        if not any(known.lower() == "user-agent" for known, _ in headers):
            headers.append(["User-Agent", value])
    elif name in {"compressed", "ignore-asserts"}:
        return
    else:
        raise CannotSay(f"the option `{name}`")


def _milliseconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)(ms|s|m)?", text.strip())
    if found is None:
        raise CannotSay("an option that is a template")
    return int(found[1]) * {"ms": 1, None: 1, "s": 1000, "m": 60000}[found[2]]


def _set_body(entry: Entry, request: dict[str, Any], headers: list[list[str]], base: Path) -> None:
    del base
    form = _pairs(entry, "Form", "FormParams")
    parts = _pairs(entry, "Multipart", "MultipartFormData")
    if form:
        request["body"] = {"form": [[_template(name), _template(value)] for name, value in form]}
    elif parts:
        if any(value.startswith("file,") for _, value in parts):
            raise CannotSay("a local file")
        request["body"] = {"multipart": [{"name": _template(k), "text": _template(v)} for k, v in parts]}
    elif entry.body is not None:
        kind, text = entry.body
        if kind in {"file", "bytes"}:
            raise CannotSay("a local file" if kind == "file" else "a body of bytes")
        if kind == "json" and "{{" in text:
            raise CannotSay("a JSON text with variables that is sent to the letter")
        if kind == "graphql":
            raise CannotSay("GraphQL with variables in its text")
        request["body"] = {"text": _template(text) if kind != "raw" else text.replace("{{", "\\{{")}
        if not any(name.lower() == "content-type" for name, _ in headers):
            types = {"json": "application/json", "xml": "application/xml"}
            # Hurl sends text without a type; a case always has one.
            headers.append(["Content-Type", types.get(kind, "text/plain")])


def _template(text: Any) -> Any:  # noqa: ANN401 (JSON)
    """Hurl's templates are ours, but its functions have other names."""
    if not isinstance(text, str):
        return text
    names = {"newUuid": "$uuid"}

    def renamed(found: re.Match[str]) -> str:
        inner = found[1].strip()
        if " " in inner or inner == "newDate":
            raise CannotSay("a filter or function in a template")
        return "{{" + names.get(inner, inner) + "}}"

    return re.sub(r"\{\{(.*?)\}\}", renamed, text)


def _capture(name: str, text: str) -> dict[str, Any]:
    lines = Lines(text)
    query = _query(lines)
    filters = lines.rest()
    if filters and query == {"type": "body"} and (found := re.fullmatch(r"regex (\".*\"|/.*/)", filters)):
        return {"name": _template(name), "query": {"type": "regex", "expr": unquoted(found[1])}}
    if filters:
        raise CannotSay("a filter in a capture")
    return {"name": _template(name), "query": query}


def _query(lines: Lines) -> dict[str, Any]:
    kind = lines.word()
    if kind not in _QUERIES:
        raise CannotSay(f"the query `{kind}`")
    if kind in {"status", "url", "ip", "body", "duration", "bytes"}:
        return {"type": kind}
    expr = lines.value()
    if not isinstance(expr, str):
        raise CannotSay(f"the query `{kind}` of something that is no text")
    if kind == "jsonpath" and "{{" not in expr:
        try:
            jsonpath(expr)
        except ExpressionInvalid as error:
            raise CannotSay("a JSONPath that RFC 9535 does not allow") from error
    return {"type": kind, "expr": _template(expr)}


def _asserts(entry: Entry) -> Iterator[dict[str, Any]]:
    if entry.status is not None and entry.status != "*":
        yield {"query": {"type": "status"}, "predicate": "==", "value": int(entry.status)}
    for name, value in entry.response_headers:
        query, one = {"type": "header", "expr": _template(name)}, {"const": _template(value)}
        # One of its values, where a header repeats.
        yield {
            "query": query,
            "predicate": "matches_schema",
            "value": {"anyOf": [one, {"contains": one, "type": "array"}]},
        }
    for text in entry.asserts:
        yield _assert(text)
    if entry.response_body is not None:
        kind, text = entry.response_body
        if kind == "file":
            raise CannotSay("a local file")
        yield {"query": {"type": "bytes" if kind == "bytes" else "body"}, "predicate": "==", "value": _template(text)}


def _assert(text: str) -> dict[str, Any]:
    lines = Lines(text)
    query = _query(lines)
    word = lines.word()
    if word == "regex" and query == {"type": "body"}:
        query, word = {"type": "regex", "expr": lines.value()}, lines.word()
    count = word == "count"
    if count:
        word = lines.word()
    negated = word == "not"
    if negated:
        word = lines.word()
    out: dict[str, Any] = {"query": query} | ({"not": True} if negated else {})
    if word in _SCHEMAS:
        return out | {"predicate": "matches_schema", "value": _SCHEMAS[word]}
    if word not in _PREDICATES:
        raise CannotSay(f"the filter or predicate `{word}`")
    if count and word != "==":
        raise CannotSay("a count that is not compared by `==`")
    if word not in _COMPARED:
        return out | {"predicate": _PREDICATES[word]}
    value = lines.value()
    if isinstance(value, bytes):
        value = value.hex()
    if query["type"] == "jsonpath" and not count and word != "includes":
        expr = query["expr"]
        if "{{" not in expr and not jsonpath(expr).singular_query() and word != "contains":
            raise CannotSay("Hurl takes the only node of many for its value")
    return out | {"predicate": "count" if count else _PREDICATES[word], "value": _template(value)}
