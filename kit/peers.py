"""Asking another service by its internal HTTP API: repair, never the main path."""

import ssl
from functools import cache
from typing import Any

import httpx

from kit.errors import DependencyUnavailable
from kit.settings import settings
from kit.telemetry import traceparent

TIMEOUT_SECONDS = 1.0


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def ask(service: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 (JSON)
    """POST a body (or GET, without one) to `/internal/<service>/<path>`; answers the JSON, or None for a 404.

    What does not answer within a second is asked once more. Never call this inside a transaction.

    Raises: DependencyUnavailable.
    """
    token = settings().service_token
    headers = {"Authorization": f"Service {token.get_secret_value() if token else ''}"}
    if context := traceparent.get():
        headers["traceparent"] = context
    url = f"{settings().peer_url(service)}/internal/{service}/{path}"
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=_tls(), trust_env=False) as client:
            request = client.build_request("GET" if body is None else "POST", url, json=body, headers=headers)
            try:
                answer = await client.send(request)
            except httpx.TimeoutException:  # it is busy: people rather wait a second more than see a 503
                answer = await client.send(request)
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            return answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise DependencyUnavailable from error
