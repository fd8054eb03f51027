"""From an answer to what is judged and reported of it: plain values and no I/O, so that another process can do it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from caselang.asserts import Assert, Capture
from caselang.judgement import Judged, judge
from caselang.masking import Mask
from caselang.response import Response
from caselang.template import Functions, JsonValue, is_too_long, text

KEPT_BYTES = 64 * 1024
"""Of each body and each value in a report; the rest is cut. Of a body `truncated` says so, a value ends in `…`."""


@dataclass(slots=True)
class Verdict:
    """How an answer is judged, and what the report shows of it, secrets masked and cut."""

    status: str
    failure_class: str | None
    error: str | None
    captured: dict[str, JsonValue]
    detail: dict[str, Any]


def judge_answer(
    captures: Sequence[Capture],
    asserts: Sequence[Assert],
    response: Response | None,
    variables: Mapping[str, JsonValue],
    functions: Functions,
    mask: Mask,
) -> Verdict:
    """Judge an answer, or the variables alone, and write the report of it."""
    judged = judge(captures, asserts, response, variables, functions)
    detail = {} if response is None else {"response": _response_report(response, mask)}
    return Verdict(judged.status, judged.failure_class, judged.error, judged.captured, detail | _reports(judged, mask))


def _reports(judged: Judged, mask: Mask) -> dict[str, Any]:
    asserts, captures = [one.report() for one in judged.asserts], [one.report() for one in judged.captures]
    for one in asserts:
        one["expected"], one["actual"] = cut(one["expected"], mask), cut(one["actual"], mask)
    for one in captures:
        one["value"] = cut(one["value"], mask)
    return {"asserts": mask.mask(asserts), "captures": mask.mask(captures)}


def cut(value: JsonValue, mask: Mask) -> JsonValue:
    """A value as reports show it: a text of its beginning where it is long. That is masked first, as a body is."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str):
        if not is_too_long(value, KEPT_BYTES):
            return value
        value = json.dumps(value, ensure_ascii=False)
    return value if len(value) <= KEPT_BYTES else text(mask.mask(value))[:KEPT_BYTES] + "…"


def _response_report(response: Response, mask: Mask) -> dict[str, JsonValue]:
    shown: dict[str, JsonValue] = {
        "status": response.status,
        "http_version": response.http_version,
        "ip": response.ip,
        "headers": [[name, value] for name, value in response.headers],
        "body": response.text,
    }
    return kept(shown, len(response.body), mask)


def kept(shown: dict[str, JsonValue], body_bytes: int, mask: Mask) -> dict[str, JsonValue]:
    """The part that is kept. Masked before the body is cut: a secret across the cut must not show by half."""
    masked = mask.mask(shown)
    assert isinstance(masked, dict)  # noqa: S101 (a dict stays one)
    body = text(masked["body"])
    start = body
    if len(body) > KEPT_BYTES or not body.isascii():
        start = body.encode(errors="replace")[:KEPT_BYTES].decode(errors="ignore")
    return {**masked, "body": start, "body_bytes": body_bytes, "truncated": len(start) < len(body)}
