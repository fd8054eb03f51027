"""Runs a step that has no steps of its own: a request, a wait, a set, a statement; with the tries it asks for."""

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from caselang.asserts import Assert
from caselang.document import RequestStep, SetStep, SqlStep, Step, WaitStep
from caselang.effort import is_quick
from caselang.judgement import AssertResult, judge_assert
from caselang.masking import Mask
from caselang.requests import ClientCredentialsAuth, Retry
from caselang.response import Response
from caselang.template import Functions, JsonValue, TemplateError
from caselang.variables import Variables
from kit.egress import Egress
from services.executor.clients.aside import aside
from services.executor.clients.http import Cookies
from services.executor.clients.sql import run_statement
from services.executor.clients.wire import Answer, Call, CallFailed, certificate_facts
from services.executor.runner.plan import Place
from services.executor.runner.request import (
    Rendering,
    build_call,
    request_report,
    token_call,
    token_in,
)
from services.executor.runner.verdict import Verdict, judge_answer

_RANDOM = random.SystemRandom()
KEPT_ROWS = 100
"""Rows of an `sql` step that the report keeps."""
NEVER_AGAIN = frozenset({"template", "config", "egress"})
"""Faults that another try cannot mend."""


class Sender(Protocol):
    """What sends requests."""

    async def send(self, call: Call, egress: Egress, in_hand: AsyncExitStack, cookies: Cookies | None = None) -> Answer:
        """The answer is done with when `in_hand` is closed. Raises: CallFailed."""


@dataclass
class Outcome:
    """How one step, or one try of it, ended."""

    status: str
    failure_class: str | None = None
    error: str | None = None
    skip_reason: str | None = None
    detail: dict[str, Any] | None = None
    captured: dict[str, JsonValue] | None = None
    tries: int = 1


def pause_seconds(retry: Retry, tries: int) -> float:
    """How long to wait after so many tries."""
    return float(min(retry.interval_ms * retry.backoff ** (tries - 1), 600_000)) / 1000


class Leaves:
    """What the steps of one try of a case share: the place, the cookies, the tokens, the mask."""

    def __init__(self, place: Place, sender: Sender) -> None:
        self.place, self.sender = place, sender
        self.mask = Mask(place.secrets)
        self.cookies = Cookies()
        self.tokens: dict[tuple[Any, ...], str] = {}

    def functions(self) -> Functions:
        """What the functions of templates draw on, now."""
        return Functions(now=datetime.now(UTC), random=_RANDOM, environment=self.place.environment)

    async def run(self, step: Step, path: str, variables: Variables) -> Outcome:
        """Run a step to its end. Raises: TemplateError, TemplateInvalid, CallFailed when nothing could be sent."""
        if isinstance(step, WaitStep):
            await asyncio.sleep(step.duration_ms / 1000)
            return Outcome("passed")
        if isinstance(step, SetStep):
            try:
                variables.put_rendered(step.variables, "set", path, self.functions())
            except TemplateError as error:
                error.inside("variables")
                raise
            return Outcome("passed")
        assert isinstance(step, RequestStep | SqlStep)  # noqa: S101 (groups and calls went elsewhere)
        retry, earlier = step.options.retry, []
        for number in range(1, retry.max + 2):
            outcome = await self._try(step, path, variables)
            outcome.tries = number
            if outcome.status == "passed" or number > retry.max or outcome.failure_class in NEVER_AGAIN:
                break
            earlier.append({"status": outcome.status, "error": outcome.error, **(outcome.detail or {})})
            await asyncio.sleep(pause_seconds(retry, number))
        if earlier:
            outcome.detail = {**(outcome.detail or {}), "earlier": earlier}
        for name, value in (outcome.captured or {}).items():
            variables.put(name, value, "captured", path)
        return outcome

    async def _try(self, step: RequestStep | SqlStep, path: str, variables: Variables) -> Outcome:
        functions = self.functions()
        rendering = Rendering(variables, functions)
        if isinstance(step, RequestStep):
            return await self._request(step, rendering, variables, functions)
        return await self._sql(step, path, rendering, variables, functions)

    async def _request(
        self, step: RequestStep, rendering: Rendering, variables: Variables, functions: Functions
    ) -> Outcome:
        auth = step.request.auth
        token = None
        if isinstance(auth, ClientCredentialsAuth):
            token = await self._token(auth, rendering, step.options.timeout_ms)
        call = build_call(step, self.place, rendering, token)
        async with AsyncExitStack() as in_hand:
            return await self._answered(step, call, in_hand, variables, functions)

    async def _answered(
        self, step: RequestStep, call: Call, in_hand: AsyncExitStack, variables: Variables, functions: Functions
    ) -> Outcome:
        try:
            answer = await self.sender.send(call, self.place.egress, in_hand, self.cookies)
        except CallFailed as error:
            detail = {"request": request_report(call, None, self.mask), "response": None}
            return Outcome("error", error.failure_class, error.message, detail=detail)
        response = Response(
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            url=answer.url,
            duration_ms=answer.timings_ms["total"] or 0,
            ip=answer.ip,
            http_version=answer.http_version,
            certificate=certificate_facts(answer.certificate)
            if answer.certificate and _asks_for_certificate(step)
            else {},
        )
        detail = {"request": request_report(call, answer, self.mask), "timings_ms": answer.timings_ms}
        try:
            verdict = await self._judge(step, response, variables, functions)
        except CallFailed as error:
            return Outcome("error", error.failure_class, error.message, detail={**detail, "response": None})
        return _outcome(verdict, detail)

    async def _token(self, auth: ClientCredentialsAuth, rendering: Rendering, timeout_ms: int) -> str:
        call = token_call(auth, rendering, self.place, timeout_ms)
        key = (call.url, call.body)
        if key not in self.tokens:
            async with AsyncExitStack() as in_hand:
                self.tokens[key] = token_in(await self.sender.send(call, self.place.egress, in_hand))
            self.mask = Mask({**self.place.secrets, "access_token": self.tokens[key]})
        return self.tokens[key]

    async def _sql(
        self, step: SqlStep, path: str, rendering: Rendering, variables: Variables, functions: Functions
    ) -> Outcome:
        parameters = [rendering.value(value, f"parameters[{n}]") for n, value in enumerate(step.parameters)]
        place = self.place
        known = place.known()
        url = known.get(step.connection)
        if not isinstance(url, str):
            message = f"the environment has no secret {step.connection!r} with the database's URL: add it there"
            return Outcome("error", "config", message)
        rows = await run_statement(
            url,
            step.statement,
            parameters,
            step.options.timeout_ms,
            place.egress,
            tls=place.tls,
            writable=known.get(f"{step.connection}_writable") is True,
        )
        if step.rows is not None:
            variables.put(step.rows, rows, "captured", path)
        verdict = await self._judge(step, None, variables, functions)
        detail = {
            "sql": {"connection": step.connection, "statement": step.statement, "parameters": parameters},
            "rows": rows[:KEPT_ROWS],
            "row_count": len(rows),
        }
        return _outcome(verdict, {name: self.mask.mask(value) for name, value in detail.items()})

    async def holds(self, condition: Assert, variables: Variables) -> AssertResult:
        """Judge the condition of a `when` or a `repeat_until`. Raises: CallFailed when it takes too much."""
        if is_quick(0, [], [condition]):
            return judge_assert(condition, None, variables, self.functions())
        return await aside(judge_assert, condition, None, dict(variables), self.functions())

    async def _judge(
        self, step: RequestStep | SqlStep, response: Response | None, variables: Variables, functions: Functions
    ) -> Verdict:
        """Here if it is quick, else where nobody waits. Raises: CallFailed."""
        captures = step.captures if isinstance(step, RequestStep) else []
        if is_quick(0 if response is None else len(response.body), captures, step.asserts):
            return judge_answer(captures, step.asserts, response, variables, functions, self.mask)
        return await aside(judge_answer, captures, step.asserts, response, dict(variables), functions, self.mask)


def _asks_for_certificate(step: RequestStep) -> bool:
    queries = [one.query for one in step.captures] + [one.query for one in step.asserts]
    return any(query.type == "certificate" for query in queries)


def _outcome(verdict: Verdict, detail: dict[str, Any]) -> Outcome:
    detail |= verdict.detail
    return Outcome(verdict.status, verdict.failure_class, verdict.error, detail=detail, captured=verdict.captured)
