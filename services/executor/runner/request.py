"""From a `request` step to the call that is sent, and from its answer to the report."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

from aiohttp import encode_basic_auth

from caselang.document import RequestStep
from caselang.masking import Mask
from caselang.requests import Auth, BasicAuth, BearerAuth, Body, ClientCredentialsAuth, Part
from caselang.template import Functions, JsonValue, TemplateError, render, text
from kit.telemetry import traceparent
from services.executor.clients.wire import Answer, Call, CallFailed, Pairs, wire_url
from services.executor.runner.plan import Place
from services.executor.runner.verdict import kept


class Rendering:
    """Renders the fields of one step; an error names the field."""

    def __init__(self, variables: Mapping[str, JsonValue], functions: Functions) -> None:
        self._variables = variables
        self._functions = functions

    def value(self, value: object, field: str) -> JsonValue:
        """Any JSON value. Raises: UndefinedVariable, TemplateError."""
        try:
            return render(value, self._variables, self._functions)
        except TemplateError as error:
            error.inside(field)
            raise

    def text(self, value: str, field: str) -> str:
        """A value as text. Raises: as `value`."""
        return text(self.value(value, field))

    def pairs(self, pairs: Pairs, field: str) -> Pairs:
        """Names and values. Raises: as `value`."""
        return [
            (self.text(name, f"{field}[{n}][0]"), self.text(value, f"{field}[{n}][1]"))
            for n, (name, value) in enumerate(pairs)
        ]


def build_call(step: RequestStep, place: Place, rendering: Rendering, token: str | None) -> Call:
    """The call of a step; `token` is that of its client credentials, where it has such.

    Raises: UndefinedVariable, TemplateError, CallFailed (`config`).
    """
    request = step.request
    url = rendering.text(request.url, "request.url")
    query = rendering.pairs(request.query, "request.query")
    own = rendering.pairs(request.headers, "request.headers")
    given = {name.lower() for name, _ in own}
    headers = [pair for pair in place.headers.items() if pair[0].lower() not in given] + own
    if request.auth is not None:
        _authenticate(request.auth, rendering, headers, query, token)
    content, kind = _body(request.body, rendering) if request.body else (None, None)
    if (context := traceparent.get()) is not None and not any(name.lower() == "traceparent" for name, _ in headers):
        headers.append(("traceparent", context))
    if kind is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", kind))
    verify = step.options.verify_tls
    return Call(
        method=request.method,
        url=wire_url(url, query),
        headers=headers,
        body=content,
        timeout_ms=step.options.timeout_ms,
        follow_redirects=step.options.follow_redirects,
        max_redirects=step.options.max_redirects,
        tls=place.tls if verify is None else replace(place.tls, verify=verify),
        proxy=place.proxy,
    )


def _authenticate(auth: Auth, rendering: Rendering, headers: Pairs, query: Pairs, token: str | None) -> None:
    if isinstance(auth, BearerAuth):
        headers.append(("Authorization", f"Bearer {rendering.text(auth.token, 'request.auth.token')}"))
    elif isinstance(auth, BasicAuth):
        username = rendering.text(auth.username, "request.auth.username")
        password = rendering.text(auth.password, "request.auth.password")
        headers.append(("Authorization", encode_basic_auth(username, password, "utf-8")))
    elif isinstance(auth, ClientCredentialsAuth):
        headers.append(("Authorization", f"Bearer {token}"))
    else:
        pair = (rendering.text(auth.name, "request.auth.name"), rendering.text(auth.value, "request.auth.value"))
        (headers if auth.place == "header" else query).append(pair)


def token_call(auth: ClientCredentialsAuth, rendering: Rendering, place: Place, timeout_ms: int) -> Call:
    """The call that fetches a token by client credentials. Raises: as `build_call`."""
    form = [
        ("grant_type", "client_credentials"),
        ("client_id", rendering.text(auth.client_id, "request.auth.client_id")),
        ("client_secret", rendering.text(auth.client_secret, "request.auth.client_secret")),
    ]
    if auth.scope is not None:
        form.append(("scope", rendering.text(auth.scope, "request.auth.scope")))
    return Call(
        method="POST",
        url=wire_url(rendering.text(auth.token_url, "request.auth.token_url"), []),
        headers=[("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")],
        body=_form(form),
        timeout_ms=timeout_ms,
        tls=place.tls,
        proxy=place.proxy,
    )


def token_in(answer: Answer) -> str:
    """The access token of an answer. Raises: CallFailed (`config`) when there is none."""
    try:
        token = json.loads(answer.body)["access_token"]
    except (ValueError, KeyError, TypeError) as error:
        message = (
            f"{answer.url} gave no access_token (status {answer.status}); check client_id, client_secret and scope"
        )
        raise CallFailed("config", message) from error
    return text(token)


def _body(body: Body, rendering: Rendering) -> tuple[bytes, str]:
    """The bytes and their media type."""
    match body.kind:
        case "json":
            return _json(rendering.value(body.json_, "request.body.json")), "application/json"
        case "text":
            return _bytes(rendering.text(body.text or "", "request.body.text")), "text/plain; charset=utf-8"
        case "form":
            pairs = rendering.pairs(body.form or [], "request.body.form")
            return _form(pairs), "application/x-www-form-urlencoded"
        case "multipart":
            return _multipart(body.multipart or [], rendering)
    asked = body.graphql
    assert asked is not None  # noqa: S101 (the kind says so)
    operation: dict[str, JsonValue] = {
        "query": rendering.text(asked.query, "request.body.graphql.query"),
        "variables": rendering.value(asked.variables, "request.body.graphql.variables"),
    }
    if asked.operation_name is not None:
        operation["operationName"] = rendering.text(asked.operation_name, "request.body.graphql.operation_name")
    return _json(operation), "application/json"


def _multipart(parts: list[Part], rendering: Rendering) -> tuple[bytes, str]:
    boundary = f"rounds-{secrets.token_hex(12)}"
    out = []
    for number, part in enumerate(parts):
        field = f"request.body.multipart[{number}]"
        name = _quoted(rendering.text(part.name, f"{field}.name"))
        heading = f'Content-Disposition: form-data; name="{name}"'
        if part.filename is not None:
            heading += f'; filename="{_quoted(rendering.text(part.filename, f"{field}.filename"))}"'
        if part.content_type is not None:
            kind = rendering.text(part.content_type, f"{field}.content_type")
            heading += f"\r\nContent-Type: {kind.splitlines()[0] if kind else kind}"
        out.append(_bytes(f"--{boundary}\r\n{heading}\r\n\r\n") + _content(part, field, rendering) + b"\r\n")
    return b"".join(out) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _content(part: Part, field: str, rendering: Rendering) -> bytes:
    if part.text is not None:
        return _bytes(rendering.text(part.text, f"{field}.text"))
    try:
        return base64.b64decode(rendering.text(part.base64 or "", f"{field}.base64"), validate=True)
    except binascii.Error as error:
        raise CallFailed("config", f"{field}.base64 is no base64: {error}") from error


def _quoted(name: str) -> str:
    """As browsers write a name in a part's heading."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _form(pairs: Pairs) -> bytes:
    return "&".join(f"{quote_plus(_clean(name))}={quote_plus(_clean(value))}" for name, value in pairs).encode()


def _json(value: JsonValue) -> bytes:
    return _bytes(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "replace")


def _clean(value: str) -> str:
    return _bytes(value).decode()


def request_report(call: Call, answer: Answer | None, mask: Mask) -> dict[str, JsonValue]:
    """What was sent, as reports show it: that which was asked for where no answer tells what went out."""
    body = call.body or b""
    shown: dict[str, JsonValue] = {
        "method": answer.sent_method if answer else call.method,
        "url": answer.url if answer else str(call.url),
        "headers": [[name, value] for name, value in (answer.sent_headers if answer else call.headers)],
        "body": body.decode(errors="replace"),
    }
    if answer and answer.redirects:
        shown["redirects"] = list(answer.redirects)
    return {**kept(shown, len(body), mask), "masked": [dict(found) for found in mask.locate(shown)]}


def first_failure(path: str, name: str, error: str | None, detail: dict[str, Any]) -> dict[str, Any]:
    """A failed or erred step in few words, from its masked report."""
    broken = next((one for one in detail.get("asserts", ()) if not one["passed"]), None)
    unfound = next((one for one in detail.get("captures", ()) if one["error"] and not one["found"]), None)
    message = error or ""
    if not message and broken:
        query = " ".join(filter(None, (broken["query"]["type"], broken["query"].get("expr"))))
        words = "not " * broken["not"] + broken["predicate"]
        message = f"{query} {words}" + ("" if broken["expected"] is None else f" {_short(broken['expected'])}")
    elif not message and unfound:
        message = f"{unfound['name']}: {unfound['error']}"
    judged = broken if not error else None
    return {
        "path": path,
        "name": name[:100],
        "message": _clean(message).replace("\0", "")[:200],
        "expected": _short(judged["expected"]) if judged else None,
        "actual": _short(judged["actual"]) if judged else None,
    }


def _short(value: JsonValue) -> str:
    return _clean(json.dumps(value, ensure_ascii=False)).replace("\\u0000", "")[:100]
