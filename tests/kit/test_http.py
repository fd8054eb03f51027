"""The HTTP edge: one shape for every error, limits before they cost memory, two languages."""

from collections.abc import AsyncIterator
from typing import Annotated

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import Field

from kit.edge import Edge, json_depth
from kit.errors import PermissionDenied
from kit.http import Body, add_error_handlers
from tests.support.serve import serving


class Order(Body):
    name: Annotated[str, Field(max_length=5)]
    amount: int
    lines: Annotated[list[int], Field(default_factory=list)]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.add_middleware(Edge)
    add_error_handlers(app)

    @app.post("/orders")
    async def create(order: Order) -> Order:
        return order

    @app.get("/forbidden")
    async def forbidden() -> None:
        raise PermissionDenied

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    @app.get("/away")
    async def away() -> None:
        raise ConnectionRefusedError

    @app.get("/closed")
    async def closed() -> None:
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    async with serving(app) as url, httpx.AsyncClient(base_url=url) as made:
        yield made


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    return {(error["field"], error["reason"]) for error in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("body", "code", "expected"),
    [
        ({}, "missing_parameter", {("name", "missing"), ("amount", "missing")}),
        ({"name": "a", "amount": "1"}, "invalid_parameter", {("amount", "wrong_type")}),
        ({"name": "a", "amount": True}, "invalid_parameter", {("amount", "wrong_type")}),
        ({"name": "a", "amount": 1.0}, "invalid_parameter", {("amount", "wrong_type")}),
        ({"name": "abcdef", "amount": 1}, "invalid_parameter", {("name", "out_of_range")}),
        ({"name": "a", "amount": 1, "x": 1}, "invalid_parameter", {("x", "unknown_field")}),
        (
            {"name": 1, "amount": 1, "lines": [1, "2"]},
            "invalid_parameter",
            {("name", "wrong_type"), ("lines[1]", "wrong_type")},
        ),
        ([], "invalid_parameter", {("body", "bad_format")}),
    ],
)
async def test_a_body_that_does_not_validate_is_a_400_that_names_every_field(
    client: httpx.AsyncClient, body: object, code: str, expected: set[tuple[str, str]]
) -> None:
    answer = await client.post("/orders", json=body)
    assert (answer.status_code, answer.json()["code"], faults(answer)) == (400, code, expected)
    assert "detail" not in answer.json()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"name": "a", "amount": 1'])
async def test_a_body_that_is_no_json_is_told_so(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/orders", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert faults(answer) == {("body", "bad_format")}


async def test_a_body_above_the_limit_is_413_also_without_a_length(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    for content in (b" " * 2_000_000, chunks()):
        answer = await client.post("/orders", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_json_nested_too_deep_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", content=b"[" * 100_000 + b"]" * 100_000)
    assert (answer.status_code, faults(answer)) == (400, {("body", "out_of_range")})


def test_brackets_inside_texts_do_not_count_as_depth() -> None:
    assert json_depth(b'{"a": "' + b"[" * 500 + b'\\"' + b'"}') == 1


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nowhere", 404, "not_found"),
        ("/orders", 405, "method_not_allowed"),
        ("/forbidden", 403, "permission_denied"),
        ("/broken", 500, "internal_error"),
        ("/away", 503, "dependency_unavailable"),
        ("/closed", 503, "dependency_unavailable"),
    ],
)
async def test_every_error_has_the_same_shape(client: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) <= {"code", "msg", "errors", "trace_id"}


async def test_what_is_away_is_a_warning_and_what_is_broken_an_error(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await client.get("/away")).headers["retry-after"] == "5"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    await client.get("/broken")
    assert "unexpected error" in caplog.text


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "没有操作权限"),
        ("zh-CN,zh;q=0.9", "没有操作权限"),
        ("en", "You have no permission for this"),
        ("en-GB,zh;q=0.5", "You have no permission for this"),
        ("fr,en;q=0.4,zh;q=0.6", "没有操作权限"),
        ("tlh", "没有操作权限"),
    ],
)
async def test_messages_are_chinese_unless_english_is_preferred(
    client: httpx.AsyncClient, header: str | None, message: str
) -> None:
    headers = {"accept-language": header} if header else {"accept-language": ""}
    assert (await client.get("/forbidden", headers=headers)).json()["msg"] == message


async def test_a_trailing_slash_answers_without_a_redirect(client: httpx.AsyncClient) -> None:
    assert (await client.get("/forbidden/")).status_code == 403
    assert (await client.post("/orders/", json={"name": "a", "amount": 1})).json()["amount"] == 1


async def test_a_request_id_is_given_back_or_made(client: httpx.AsyncClient) -> None:
    assert (await client.get("/forbidden", headers={"x-request-id": "abc-12345"})).headers[
        "x-request-id"
    ] == "abc-12345"
    assert len((await client.get("/forbidden")).headers["x-request-id"]) == 36
