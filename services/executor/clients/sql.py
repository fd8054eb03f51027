"""Databases that cases ask: one statement each, read-only unless the environment allows writes."""

import asyncio
import math
import ssl
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from caselang.template import JsonValue
from services.executor.clients.wire import CallFailed
from services.executor.rules import Egress

MAX_ROWS = 1000


async def run_statement(
    url: str, statement: str, parameters: list[JsonValue], timeout_ms: int, egress: Egress, *, writable: bool
) -> list[JsonValue]:
    """Rows as objects, at most 1,000.

    Raises: CallFailed (dns, connect, timeout, egress, config).
    """
    if urlsplit(url).scheme not in {"postgresql", "postgres"}:
        raise CallFailed("config", "the database's URL begins with postgresql://; others are not supported yet")
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            return await _postgresql(url, writable, statement, parameters, egress)
    except TimeoutError as error:
        raise CallFailed("timeout", f"the statement took longer than {timeout_ms} ms") from error


async def _address(url: str, egress: Egress) -> str:
    """The checked address that is connected to."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port or 5432)
    except OSError as error:
        raise CallFailed("dns", f"the name {host} of the database cannot be resolved") from error
    refusals = [(str(address[0]), egress.refusal(str(address[0]))) for *_, address in found]
    allowed = [address for address, why in refusals if why is None]
    if not allowed:
        raise CallFailed("egress", f"{host} is {refusals[0][1]}")
    return allowed[0]


async def _postgresql(
    url: str, writable: bool, statement: str, parameters: list[JsonValue], egress: Egress
) -> list[JsonValue]:
    address = await _address(url, egress)
    try:
        connection = await asyncpg.connect(url, host=address, port=urlsplit(url).port or 5432)
    except (asyncpg.PostgresError, OSError, ssl.SSLError) as error:
        raise CallFailed("connect", f"the database cannot be reached: {error}") from error
    try:
        async with connection.transaction(readonly=not writable):
            rows = await connection.fetch(statement, *parameters)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CallFailed("config", f"the statement cannot be run: {error}") from error
    finally:
        connection.terminate()
    if len(rows) > MAX_ROWS:
        raise CallFailed("config", f"the statement gives {len(rows)} rows, more than {MAX_ROWS}; add a LIMIT")
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> JsonValue:  # noqa: ANN401 (whatever the driver gives)
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)
