"""Databases that cases ask: one statement each, read-only unless the environment allows writes."""

import asyncio
import math
import re
import ssl
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import asyncmy
import asyncpg
from asyncmy.cursors import SSCursor
from asyncmy.errors import MySQLError

from caselang.template import TOO_LONG, JsonValue, is_too_long
from kit.egress import Egress
from kit.tls import Tls, TlsInvalid, tls_context
from services.executor.clients.wire import CallFailed

MAX_ROWS = 1000
_PORTS = {"postgresql": 5432, "postgres": 5432, "mysql": 3306, "mariadb": 3306}
_TLS_MODES = {
    "disable": "none", "disabled": "none", "allow": "prefer", "prefer": "prefer", "preferred": "prefer",
    "require": "encrypt", "required": "encrypt", "verify-ca": "authority", "verify-full": "name",
    "verify-identity": "name",
}  # fmt: skip
"""PostgreSQL's words (`sslmode`) and MySQL's (`ssl-mode`)."""
_READS = re.compile(r"[\s(]*(select|with|show|describe|desc|explain|values|table)\b", re.IGNORECASE)
"""What a read-only statement begins with at a MySQL server: a compound one could end the read-only mode."""
_SERVER_GONE = {2006, 2013}


@dataclass(frozen=True)
class _Asked:
    """A statement, and the database that it is for."""

    parts: SplitResult
    """Of the database's URL."""
    address: str
    port: int
    security: ssl.SSLContext | str | None
    statement: str
    parameters: list[JsonValue]
    writable: bool


async def run_statement(
    url: str,
    statement: str,
    parameters: list[JsonValue],
    timeout_ms: int,
    egress: Egress,
    *,
    tls: Tls,
    writable: bool,
) -> list[JsonValue]:
    """Rows as objects, at most 1,000, of PostgreSQL or MySQL, as the URL says. No row past those is read.

    Raises: CallFailed (dns, connect, tls, timeout, protocol, egress, config).
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise CallFailed(
            "config", "the database's URL is no postgresql://user:password@host/name or mysql://…"
        ) from error
    ask = _postgresql if _PORTS[parts.scheme] == _PORTS["postgresql"] else _mysql
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            address = await _address(parts.hostname or "", port, egress)
            security = await _security(parts, tls)
            rows = await ask(_Asked(parts, address, port, security, statement, parameters, writable))
    except TimeoutError as error:
        raise CallFailed(
            "timeout", f"the statement took longer than {timeout_ms} ms: ask for less, or raise options.timeout_ms"
        ) from error
    if len(rows) > MAX_ROWS:
        raise CallFailed("config", f"the statement gives more than {MAX_ROWS} rows; add a LIMIT")
    if is_too_long(rows):
        raise CallFailed("config", f"{TOO_LONG}: ask for fewer rows or columns")
    return rows


async def _address(host: str, port: int, egress: Egress) -> str:
    """The checked address that is connected to."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except OSError as error:
        raise CallFailed("dns", f"the name {host} of the database cannot be resolved: check its URL") from error
    refusals = [(str(address[0]), egress.refusal(str(address[0]))) for *_, address in found]
    allowed = [address for address, why in refusals if why is None]
    if not allowed:
        raise CallFailed("egress", f"{host} is {refusals[0][1]}")
    return allowed[0]


async def _security(parts: SplitResult, tls: Tls) -> ssl.SSLContext | str | None:
    """The context of the mode that the URL names, `prefer` or None; without one `prefer`, as PostgreSQL has it."""
    options = {name.replace("-", "").lower(): values[-1] for name, values in parse_qs(parts.query).items()}
    word = options.get("sslmode", "prefer")
    mode = _TLS_MODES.get(word.lower().replace("_", "-"))
    if mode is None:
        raise CallFailed("config", f"the database's URL has an sslmode {word[:20]!r} that is not known")
    if mode in {"none", "prefer"}:
        return None if mode == "none" else mode

    class Named(ssl.SSLContext):
        """Verifies the name in the URL, though the connection is made to the checked address."""

        def wrap_bio(
            self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_side: bool = False, *_: object, **__: object
        ) -> ssl.SSLObject:
            return super().wrap_bio(incoming, outgoing, server_side, parts.hostname)

    try:
        context = await asyncio.to_thread(tls_context, replace(tls, verify=mode != "encrypt"), Named)
    except TlsInvalid as error:
        raise CallFailed("config", str(error)) from error
    if mode == "authority":
        context.check_hostname = False
    return context


async def _postgresql(asked: _Asked) -> list[JsonValue]:
    try:
        # Not by the URL: it could name files of this machine.
        connection = await asyncpg.connect(
            host=asked.address,
            port=asked.port,
            user=unquote(asked.parts.username or "") or None,
            password=unquote(asked.parts.password or ""),
            database=unquote(asked.parts.path[1:]) or None,
            ssl=asked.security if isinstance(asked.security, ssl.SSLContext) else "prefer" if asked.security else False,
        )
    except ssl.SSLError as error:
        raise _no_tls(error) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise CallFailed("connect", f"the database cannot be reached: {error}") from error
    try:
        async with connection.transaction(readonly=not asked.writable):
            rows = await (await connection.cursor(asked.statement, *asked.parameters)).fetch(MAX_ROWS + 1)
    except (asyncpg.PostgresConnectionError, OSError) as error:
        raise _broke_off(error) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CallFailed("config", f"the statement cannot be run: {error}") from error
    finally:
        connection.terminate()
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


async def _mysql(asked: _Asked) -> list[JsonValue]:
    if not asked.writable and not _READS.match(asked.statement):
        message = (
            "the environment allows no writes, so the statement begins with SELECT, WITH, SHOW, DESCRIBE or EXPLAIN"
        )
        raise CallFailed("config", message)
    for number, value in enumerate(asked.parameters):
        if isinstance(value, dict | list):
            raise CallFailed("config", f"parameters[{number}] is a list or an object, which no MySQL parameter can be")
    try:
        connection = await asyncmy.connect(
            host=asked.address,
            port=asked.port,
            user=unquote(asked.parts.username or ""),
            password=unquote(asked.parts.password or ""),
            database=unquote(asked.parts.path[1:]) or None,
            charset="utf8mb4",
            ssl=asked.security if isinstance(asked.security, ssl.SSLContext) else None,
        )
    except ssl.SSLError as error:
        raise _no_tls(error) from error
    except (MySQLError, OSError) as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise _no_tls(error.__cause__) from error
        raise CallFailed("connect", f"the database cannot be reached: {_words(error)}") from error
    try:
        rows, names = await _mysql_rows(connection, asked.statement, asked.parameters, asked.writable)
    except (MySQLError, OSError) as error:
        if isinstance(error, OSError) or (error.args[:1] and error.args[0] in _SERVER_GONE):
            raise _broke_off(error) from error
        raise CallFailed("config", f"the statement cannot be run: {_words(error)}") from error
    finally:
        connection.close()
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in rows]


async def _mysql_rows(
    connection: Any,  # noqa: ANN401 (asyncmy's; it tells no types)
    statement: str,
    parameters: list[JsonValue],
    writable: bool,
) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Rows and the names of their columns. Prepared by SQL, since only a text cursor can leave rows unread."""
    if not writable:
        # For the session: one that began READ ONLY would be ended by what commits by itself, such as TRUNCATE.
        await connection.query("SET SESSION TRANSACTION READ ONLY")
    names = [f"@rounds{number}" for number in range(len(parameters))]
    for name, value in zip(names, parameters, strict=True):
        await connection.query(f"SET {name} = {connection.escape(value)}")
    await connection.query(f"PREPARE rounds FROM {connection.escape(statement)}")
    cursor = connection.cursor(SSCursor)
    await cursor.execute("EXECUTE rounds" + (f" USING {', '.join(names)}" if names else ""))
    if not cursor.description:
        await connection.commit()
        return [], []
    rows = await cursor.fetchmany(MAX_ROWS + 1)
    if writable and len(rows) <= MAX_ROWS:
        await cursor.close()
        await connection.commit()
    return rows, [column[0] for column in cursor.description]


def _no_tls(error: ssl.SSLError) -> CallFailed:
    why = getattr(error, "verify_message", "") or error.reason or str(error)
    return CallFailed(
        "tls", f"no TLS connection to the database ({why}): check the environment's ca_bundle and sslmode"
    )


def _broke_off(error: Exception) -> CallFailed:
    return CallFailed("protocol", f"the database broke off the connection: {_words(error)}")


def _words(error: Exception) -> str:
    """MySQL's errors are a number and a message."""
    return str(error.args[-1]) if error.args else str(error)


def _plain(value: Any) -> JsonValue:  # noqa: ANN401, PLR0911 (whatever the driver gives, and a table)
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, timedelta) and timedelta() <= value < timedelta(days=1):
        return f"0{value}" if value < timedelta(hours=10) else str(value)  # as a `time` is written
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)
