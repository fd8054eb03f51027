"""Whatever is sent, the answer is the contract's: never a fault of ours, never another shape."""

import json
from typing import Any

import httpx
import pytest

from cli.docs import whole
from tests.contract.world import BODIES, World, operations

DEEP: Any = "end"
for _ in range(90):
    DEEP = [DEEP]
VALUES = {
    "emoji": "👩‍👩‍👧",
    "right to left": "\u202eשלום",
    "100 characters": "测" * 100,
    "101 characters": "测" * 101,
    "NUL": "a\0b",
    "half a pair": "\ud800",
    "empty": "",
    "minus one": -1,
    "zero": 0,
    "32 bits": 2**31,
    "64 bits": 2**63,
    "400 digits": 10**400,
    "NaN": float("nan"),
    "infinite": float("inf"),
    "true": True,
    "null": None,
    "list of huge": [2**63],
    "list of text": ["\ud800\0"],
    "object": {"\ud800": "\0", "9" * 30: 2**64},
    "deep": DEEP,
}
KINDS = ("", "x", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
RAW = {
    "empty": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"name": "\xff"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "null": b"null",
    "text": b'"\\ud800"',
    "list": b"[]",
    "repeated key": b'{"name": "a", "name": "b"}',
    "too deep": b"[" * 100_000 + b"]" * 100_000,
    "5000 digits": b'{"name": ' + b"9" * 5000 + b"}",
    "unknown field": b'{"\\ud800\\u0000": 1}',
}
IN_URLS = ("0", "-1", str(2**31), str(2**63), "9" * 400, "%00", "%ED%A0%80", "%F0%9F%98%80", "x" * 101, "")
HEADERS = {
    "If-Match": "9" * 30,
    "Idempotency-Key": "x" * 300,
    "Range": "bytes=9-1",
    "Last-Event-ID": "x",
    "Accept": "x",
}


def fault(answer: httpx.Response) -> str | None:
    """What is wrong with an answer; None when nothing is."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code >= 400 and not answer.text.startswith('{"code":'):
        return f"another shape: {answer.status_code} {answer.text[:200]}"
    return None


def writes() -> list[str]:
    return [one for one in operations() if one.startswith(("POST", "PUT", "PATCH"))]


def variants(body: Any, values: dict[str, Any]) -> list[tuple[str, Any]]:
    """The body with each of its fields replaced by each of the values, and those further down by some."""
    fewer = {name: values[name] for name in ("NUL", "half a pair", "64 bits", "object")}
    if isinstance(body, dict):
        return [
            (f"{key}.{where}", {**body, key: replaced})
            for key, value in body.items()
            for where, replaced in [*values.items(), *variants(value, fewer)]
        ]
    if isinstance(body, list) and body:
        return [
            (f"0.{where}", [replaced, *body[1:]]) for where, replaced in [*values.items(), *variants(body[0], fewer)]
        ]
    return []


@pytest.mark.timeout(400)
async def test_no_value_in_a_body_breaks_a_write(world: World) -> None:
    client, faults, sent = await world.caller("superuser"), [], 0
    for operation in (one for one in writes() if one in BODIES):
        method, _, path = operation.partition(" ")
        url = path.format(**world.ids)
        for where, body in variants(BODIES[operation](world), VALUES):
            content = json.dumps(body)
            headers = {"Content-Type": "application/json"}
            answer = await client.request(method, url, content=content, headers=headers)
            sent += 1
            if found := fault(answer):
                faults.append(f"{operation} {where}: {found}")
    assert not faults, "\n".join(faults)
    assert sent > 500


async def test_no_body_of_another_kind_breaks_a_write(world: World) -> None:
    client, faults = await world.caller("superuser"), []
    for operation in writes():
        method, _, path = operation.partition(" ")
        url = path.format(**world.ids)
        sent = [("application/json", content) for content in RAW.values()] + [(kind, b"{}") for kind in KINDS]
        for kind, content in sent:
            answer = await client.request(method, url, content=content, headers={"Content-Type": kind})
            if found := fault(answer):
                faults.append(f"{operation} {kind} {content[:50]!r}: {found}")
    assert not faults, "\n".join(faults)


@pytest.mark.timeout(400)
async def test_no_url_and_no_header_breaks_an_operation(world: World) -> None:
    client, faults = await world.caller("superuser"), []
    for operation in operations():
        method, _, path = operation.partition(" ")
        declared = whole()["paths"][path][method.lower()].get("parameters", [])
        urls = [
            path.format(**world.ids | {one["name"]: value})
            for one in declared
            if one["in"] == "path"
            for value in IN_URLS
        ]
        plain = path.format(**world.ids)
        urls += [f"{plain}?{one['name']}={value}" for one in declared if one["in"] == "query" for value in IN_URLS]
        for url in urls:
            answer = await client.request(method, url, json=BODIES[operation](world) if operation in BODIES else None)
            if found := fault(answer):
                faults.append(f"{method} {url[:150]}: {found}")
        for name, value in HEADERS.items():
            if found := fault(await client.request(method, f"{plain}?id=0", headers={name: value})):
                faults.append(f"{operation} {name}: {found}")
    assert not faults, "\n".join(faults)
