"""What stands between a case and its target: a token server, a proxy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, web

from tests.executor.conftest import Executor
from tests.executor.test_runs import get
from tests.executor.test_steps import post, status


@asynccontextmanager
async def serving(handler: Any) -> AsyncIterator[str]:
    """A server that answers everything by one function; gives its URL."""
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_client_credentials_fetch_one_token_for_a_case_run_and_show_it_nowhere(executor: Executor) -> None:
    asked: list[dict[str, str]] = []

    async def tokens(request: web.BaseRequest) -> web.Response:
        asked.append({name: str(value) for name, value in (await request.post()).items()})
        return web.json_response({"access_token": "granted-token-1", "token_type": "Bearer"})

    async with serving(tokens) as url:
        auth = {"type": "oauth2_client_credentials", "token_url": f"{url}/token", "client_id": "rounds",
                "client_secret": "{{secret}}", "scope": "orders"}  # fmt: skip
        await executor.environment(revision=2, secrets={"secret": "client-s3cret"})
        steps = await executor.steps(post({"text": "a"}, auth=auth), post({"text": "b"}, auth=auth))

    assert [step["status"] for step in steps] == ["passed", "passed"]
    grant = {"grant_type": "client_credentials", "client_id": "rounds", "client_secret": "client-s3cret"}
    assert asked == [{**grant, "scope": "orders"}]
    sent = [dict(request.headers)["Authorization"] for request in executor.target.requests]
    assert sent == ["Bearer granted-token-1"] * 2
    assert "granted-token-1" not in str(steps)
    assert "client-s3cret" not in str(steps)


async def test_requests_go_through_the_environments_proxy(executor: Executor) -> None:
    seen: list[str] = []

    async def proxy(request: web.BaseRequest) -> web.Response:
        seen.append(str(request.url))
        async with ClientSession() as client, client.get(request.url) as answer:
            return web.Response(body=await answer.read(), status=answer.status)

    async with serving(proxy) as url:
        await executor.environment(revision=2, proxy=url)
        through = (await executor.steps(get("/status/201", status(201))))[0]
        denied = (
            await executor.steps({"name": "no", "type": "request", "request": {"url": "http://169.254.169.254/"}})
        )[0]
    closed = (await executor.steps(get("/status/201", status(201))))[0]

    assert through["status"] == "passed", through
    assert seen == [f"{executor.target.url}/status/201"]
    assert (denied["failure_class"], closed["failure_class"]) == ("egress", "connect")
    assert "proxy" in closed["error"]
