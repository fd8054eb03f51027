"""Statements on a real PostgreSQL and a real MariaDB: the same types, limits and faults on both."""

import socket
from dataclasses import dataclass
from typing import Any

import pytest

from tests.executor.conftest import Executor
from tests.executor.test_steps import outline
from tests.support.certificates import Authority
from tests.support.mariadb import MariaDb
from tests.support.postgres import Postgres


@dataclass(frozen=True)
class Shop:
    """A database with a user, as a case's environment names it."""

    url: str
    dialect: str

    def placeholders(self, count: int) -> list[str]:
        return [f"${n}" if self.dialect == "postgresql" else "?" for n in range(1, count + 1)]


@pytest.fixture(params=["postgresql", "mysql"])
def shop(request: pytest.FixtureRequest, postgres: Postgres, schema: str) -> Shop:
    """Both, one after the other."""
    if request.param == "postgresql":
        return Shop(schema.replace("postgresql+asyncpg", "postgresql"), "postgresql")
    server: MariaDb = request.getfixturevalue("mariadb")
    return Shop(server.url(), "mysql")


async def ask(
    executor: Executor, url: str, *statements: dict[str, Any] | str, **variables: Any
) -> list[dict[str, Any]]:
    """Run statements one after the other, whatever becomes of them; answers their steps."""
    await executor.environment(revision=next(executor.numbers), secrets={"shop": url}, variables=variables)
    steps = [
        {"name": "ask", "type": "sql", "connection": "shop", "as": "rows"}
        | (one if isinstance(one, dict) else {"statement": one})
        for one in statements
    ]
    return await executor.steps(*steps, options={"failed_stop": False})


async def fault(executor: Executor, url: str, statement: dict[str, Any] | str, **variables: Any) -> tuple[str, str]:
    step = (await ask(executor, url, statement, **variables))[0]
    assert step["status"] == "error", step
    return step["failure_class"], step["error"]


async def test_rows_become_a_variable_that_later_steps_see(executor: Executor, shop: Shop) -> None:
    first, second = shop.placeholders(2)
    query = {"query": {"type": "variable", "expr": "rows[0].n"}, "predicate": "==", "value": 3}
    text = "::text" if shop.dialect == "postgresql" else ""
    statement = f"SELECT 1 + {first} AS n, {second}{text} AS word"

    steps = await ask(
        executor, shop.url, {"statement": statement, "parameters": [2, "it's 100 % \\ 好"], "asserts": [query]}
    )

    assert outline(steps) == [("1", "passed", None)]
    assert (steps[0]["rows"], steps[0]["row_count"]) == ([{"n": 3, "word": "it's 100 % \\ 好"}], 1)


async def test_values_become_json_the_same_way(executor: Executor, shop: Shop) -> None:
    blob = "'\\x00ff'::bytea" if shop.dialect == "postgresql" else "x'00ff'"
    double = "1e0::float8" if shop.dialect == "postgresql" else "1e0"
    steps = await ask(
        executor,
        shop.url,
        "SELECT 7 AS n, 1.50 AS price, 3.00 AS whole, NULL AS nothing, CAST('2026-02-03' AS date) AS day, "
        f"CAST('04:05:06' AS time) AS clock, CAST('好' AS char(1)) AS word, {blob} AS bytes, {double} AS real_",
    )

    assert steps[0]["rows"] == [
        {
            "n": 7,
            "price": 1.5,
            "whole": 3,
            "nothing": None,
            "day": "2026-02-03",
            "clock": "04:05:06",
            "word": "好",
            "bytes": "00ff",
            "real_": 1.0,
        }
    ]


async def test_nothing_is_written_unless_the_environment_allows_it(executor: Executor, shop: Shop) -> None:
    writes = ["CREATE TABLE written (id int)", "INSERT INTO written VALUES (1)", "DROP TABLE written"]
    refused = await ask(executor, shop.url, *writes, "TRUNCATE item", "WITH a AS (SELECT 1) DELETE FROM item")
    assert {(step["status"], step["failure_class"]) for step in refused} == {("error", "config")}

    await executor.environment(
        revision=next(executor.numbers), secrets={"shop": shop.url}, variables={"shop_writable": True}
    )
    written = await executor.steps(
        *({"name": "w", "type": "sql", "connection": "shop", "statement": one} for one in writes[:2]),
        {"name": "r", "type": "sql", "connection": "shop", "statement": "SELECT id FROM written", "as": "rows"},
        *({"name": "w", "type": "sql", "connection": "shop", "statement": one} for one in writes[2:]),
    )
    assert [step["status"] for step in written] == ["passed"] * 4, written
    assert [step["row_count"] for step in written] == [0, 0, 1, 0]


@pytest.mark.parametrize(
    "statement",
    [
        "BEGIN NOT ATOMIC COMMIT; SET SESSION TRANSACTION READ WRITE; DELETE FROM item; COMMIT; END",
        "SET SESSION TRANSACTION READ WRITE",
        "-- a note\nDELETE FROM item",
    ],
)
async def test_read_only_cannot_be_left(executor: Executor, mariadb: MariaDb, statement: str) -> None:
    kind, message = await fault(executor, mariadb.url(), statement)

    assert (kind, "allows no writes" in message) == ("config", True)
    assert (await ask(executor, mariadb.url(), "SELECT name FROM item"))[0]["row_count"] == 2


async def test_more_rows_than_a_step_keeps_are_refused_without_reading_them(executor: Executor, shop: Shop) -> None:
    streamed = "generate_series(1, 50000000)" if shop.dialect == "postgresql" else "seq FROM seq_1_to_50000000"

    kind, message = await fault(executor, shop.url, f"SELECT {streamed} LIMIT 50000000")

    assert (kind, message) == ("config", "the statement gives more than 1000 rows; add a LIMIT")


async def test_a_statement_that_takes_too_long_ends_in_time(executor: Executor, shop: Shop) -> None:
    sleep = "SELECT pg_sleep(60)" if shop.dialect == "postgresql" else "SELECT sleep(60)"

    found = await fault(executor, shop.url, {"statement": sleep, "options": {"timeout_ms": 300}})

    assert found == ("timeout", "the statement took longer than 300 ms: ask for less, or raise options.timeout_ms")


async def test_faults_have_their_class_and_say_what_to_do(executor: Executor, shop: Shop) -> None:
    scheme = shop.dialect
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    assert (await fault(executor, f"{scheme}://u@127.0.0.1:{port}/x", "SELECT 1"))[0] == "connect"
    assert await fault(executor, f"{scheme}://u@no-such-host.invalid/x", "SELECT 1") == (
        "dns",
        "the name no-such-host.invalid of the database cannot be resolved: check its URL",
    )
    assert (await fault(executor, f"{scheme}://u@169.254.169.254/x", "SELECT 1"))[0] == "egress"
    kind, message = await fault(executor, shop.url, "SELECT FROM WHERE")
    assert (kind, "syntax" in message) == ("config", True)
    kind, message = await fault(executor, shop.url, {"statement": "SELECT 1", "parameters": [1]})
    assert kind == "config"
    kind, message = await fault(executor, "oracle://u@127.0.0.1/x", "SELECT 1")
    assert (kind, "postgresql://" in message) == ("config", True)


async def test_a_wrong_password_is_told_and_shown_nowhere(executor: Executor, mariadb: MariaDb) -> None:
    kind, message = await fault(executor, mariadb.url(user="nobody"), "SELECT 1")

    assert (kind, "Access denied" in message) == ("connect", True)


async def test_tls_to_a_database_is_verified_by_the_environments_authorities(
    executor: Executor, mariadb: MariaDb
) -> None:
    statement = {"name": "ask", "type": "sql", "connection": "shop", "as": "rows",
                 "statement": "SHOW STATUS LIKE 'Ssl_cipher'"}  # fmt: skip

    async def step(query: str, revision: int, ca: str | None, host: str = "localhost") -> dict[str, Any]:
        secrets = {"shop": mariadb.url(query, host=host)}
        await executor.environment(revision=revision, secrets=secrets, ca_bundle=ca)
        return (await executor.steps(statement))[0]

    assert (await step("?ssl-mode=DISABLED", 2, None))["rows"][0]["Value"] == ""
    assert (await step("?ssl-mode=REQUIRED", 3, None))["rows"][0]["Value"] != ""
    assert (await step("?ssl-mode=VERIFY_IDENTITY", 4, mariadb.ca))["status"] == "passed"
    for revision, (ca, host) in enumerate([(Authority().pem, "localhost"), (mariadb.ca, "127.0.0.1")], 5):
        refused = await step("?ssl-mode=VERIFY_IDENTITY", revision, ca, host)
        assert refused["failure_class"] == "tls", refused
        assert "ca_bundle" in refused["error"]
