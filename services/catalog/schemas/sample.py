"""The sample project: its environment and its documents, in the language of whoever asks for it."""

from typing import Any

from kit.messages import N_, translate

PASSWORD = "sample-password"  # noqa: S105 (the demo target's, which protects nothing)
TOKEN = "sample-token-0123456789"  # noqa: S105 (the same)
ORDER_ID = 9007199254740993

NAME = N_("Sample project")
DESCRIPTION = N_("Tests Rounds' own demo target. The last case fails on purpose, so that a report is worth reading.")
ENVIRONMENT_NAME = N_("This Rounds")
MODULE_NAME = N_("Shop")


def documents() -> list[dict[str, Any]]:
    """Three cases; the last one fails on purpose."""
    return [
        _case(
            N_("Log in"),
            [
                _log_in(),
                {
                    "name": translate(N_("a wrong password is refused")),
                    "type": "request",
                    "request": {
                        "method": "POST",
                        "url": "{{base_url}}/login",
                        "body": {"json": {"user": "{{user}}", "password": "wrong"}},
                    },
                    "asserts": [_status(401), _json("$.error", "contains", "password")],
                },
            ],
        ),
        _case(
            N_("Order and pay"),
            [
                _log_in(),
                {
                    "name": translate(N_("order")),
                    "type": "request",
                    "request": {
                        "method": "POST",
                        "url": "{{base_url}}/orders",
                        "auth": {"type": "bearer", "token": "{{token}}"},
                        "body": {"json": {"item": "tea", "count": 2}},
                    },
                    "captures": [{"name": "order", "query": {"type": "jsonpath", "expr": "$.id"}}],
                    "asserts": [_status(201), _json("$.state", "==", "created"), _json("$.id", "==", ORDER_ID)],
                },
                {"name": translate(N_("wait for the payment")), "type": "wait", "duration_ms": 200},
                _read_order(N_("the order is paid"), "paid"),
            ],
        ),
        _case(
            N_("Refund (fails on purpose)"),
            [
                _log_in(),
                {"name": translate(N_("the order")), "type": "set", "variables": {"order": ORDER_ID}},
                _read_order(N_("the order is refunded"), "refunded"),
            ],
        ),
    ]


def _case(name: str, steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "rounds/v1", "kind": "Case", "name": translate(name), "tags": ["sample"], "steps": steps}


def _log_in() -> dict[str, Any]:
    return {
        "name": translate(N_("log in")),
        "type": "request",
        "request": {
            "method": "POST",
            "url": "{{base_url}}/login",
            "body": {"json": {"user": "{{user}}", "password": "{{password}}"}},
        },
        "captures": [{"name": "token", "query": {"type": "jsonpath", "expr": "$.token"}}],
        "asserts": [
            _status(200),
            {"query": {"type": "header", "expr": "Content-Type"}, "predicate": "contains", "value": "json"},
            _json("$.roles", "count", 2),
            {"query": {"type": "duration"}, "predicate": "<", "value": 2000},
        ],
    }


def _read_order(name: str, state: str) -> dict[str, Any]:
    return {
        "name": translate(name),
        "type": "request",
        "request": {
            "method": "GET",
            "url": "{{base_url}}/orders/{{order}}",
            "auth": {"type": "bearer", "token": "{{token}}"},
        },
        "asserts": [_status(200), _json("$.state", "==", state), _json("$.items[0].count", "==", 2)],
    }


def _status(status: int) -> dict[str, Any]:
    return {"query": {"type": "status"}, "predicate": "==", "value": status}


def _json(expr: str, predicate: str, value: object) -> dict[str, Any]:
    return {"query": {"type": "jsonpath", "expr": expr}, "predicate": predicate, "value": value}
