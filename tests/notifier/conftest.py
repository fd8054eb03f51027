"""The notifier alone: its schema in a real PostgreSQL, its API behind a socket, its loops, a mail server."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from uuid_utils.compat import uuid7

from contracts.auth import Credential, NotifySettings, UserChanged, UserSettings
from contracts.base import Event
from contracts.catalog import ProjectChanged
from contracts.executor import CaseOutcome, RunCompleted
from kit import clock
from kit.edge import Edge
from kit.http import add_error_handlers
from kit.loops import Supervisor, run_loop
from kit.settings import settings
from services.notifier.main import service
from services.notifier.settings import notifier_settings
from tests.support.events import enveloped
from tests.support.serve import serving
from tests.support.smtp import SmtpServer
from tests.support.wait import until

database = service.database


@dataclass
class Notifier:
    """The service under test."""

    url: str
    supervisor: Supervisor = field(default_factory=Supervisor)
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    async def deliver(self, event: Event, id_: UUID | None = None) -> bool:
        """Hand an event over as a broker would; answers False for a duplicate."""
        return await service.consumer.deliver(enveloped(event, id_))

    async def user(self, id_: int, **changes: Any) -> httpx.AsyncClient:
        """Make a user known; answers a client that is logged in as that user."""
        token = f"rnd_{id_}"
        await self.deliver(user_changed(id_, token, **changes))
        self.clients.append(httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Token {token}"}))
        return self.clients[-1]

    def start(self) -> None:
        """Start the loops."""
        for loop in service.loops:
            self.supervisor.start(loop.name, run_loop(loop, database, self.supervisor.stopping))

    async def move_clock(self, offset: timedelta) -> None:
        """Let the clock run ahead by this much, and wake whoever waits."""
        async with database.transaction() as session:
            await clock.move(session, offset)
        database.wakeups.ring("delivery")

    async def reasons(self) -> dict[int, str | None]:
        """Why each owner was skipped."""
        return {row["recipient"]: row["reason"] for row in await self.rows("SELECT recipient, reason FROM delivery")}

    async def facts(self, topic: str) -> list[dict[str, Any]]:
        """The bodies of the events stated on a topic."""
        rows = await self.rows(f"SELECT value FROM outbox WHERE topic = '{topic}' ORDER BY id")
        return [json.loads(row["value"]) for row in rows]

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """What is stored."""
        async with database.transaction() as session:
            return [dict(row) for row in (await session.execute(text(query))).mappings()]

    async def statuses(self) -> dict[int, str]:
        """Status of each mail by its owner."""
        return {row["recipient"]: row["status"] for row in await self.rows("SELECT recipient, status FROM delivery")}

    async def settled(self) -> dict[int, str]:
        """Wait until no delivery is in work; answers the statuses."""

        async def done() -> bool:
            return not await self.rows("SELECT id FROM delivery WHERE status IN ('queued', 'sending')")

        await until(done)
        return await self.statuses()


@pytest.fixture
def configured(databases: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings of a notifier without a mail server."""
    del databases
    monkeypatch.setenv("ROUNDS_PUBLIC_URL", "https://rounds.example.test")
    monkeypatch.setenv("ROUNDS_HTTP_PORT", "1")  # where the other services would be; nobody is there
    settings.cache_clear()
    notifier_settings.cache_clear()
    yield monkeypatch
    notifier_settings.cache_clear()


@pytest.fixture
async def notifier(configured: pytest.MonkeyPatch) -> AsyncIterator[Notifier]:
    """The notifier without a mail server; its loops stand still until `start()`."""
    del configured
    async with running() as found:
        yield found


@pytest.fixture
async def mailing(configured: pytest.MonkeyPatch, smtp: SmtpServer) -> AsyncIterator[Notifier]:
    """The notifier at work, with a mail server."""
    configured.setenv("ROUNDS_SMTP_URL", smtp.url)
    settings.cache_clear()
    async with running() as found:
        found.start()
        yield found


@asynccontextmanager
async def running() -> AsyncIterator[Notifier]:
    app = FastAPI(redirect_slashes=False)
    app.add_middleware(Edge)
    add_error_handlers(app)
    for router in service.routers:
        app.include_router(router)
    database.open()
    database.subscribers = lambda _topic: ("*",)
    async with serving(app) as url:
        found = Notifier(url)
        try:
            yield found
        finally:
            await found.supervisor.stop(grace_seconds=5)
            for client in found.clients:
                await client.aclose()
            await database.close()


def user_changed(id_: int, token: str, **changes: Any) -> UserChanged:
    credential = Credential(
        kind="session",
        sha256=hashlib.sha256(token.encode()).hexdigest(),
        scopes=["read", "run", "write"],
        expires_at=datetime.now(UTC) + timedelta(days=30),
    )
    language, email_wanted = changes.pop("language", "zh"), changes.pop("email_wanted", True)
    state: dict[str, Any] = {
        "id": id_,
        "username": f"user{id_}",
        "real_name": f"User {id_}",
        "email": f"user{id_}@example.test",
        "is_active": True,
        "is_superuser": False,
        "must_change_password": False,
        "project_ids": [],
        "settings": UserSettings(
            environments={},
            failed_stop=True,
            only_failed_log=False,
            language=language,
            notify=NotifySettings(email=email_wanted),
        ),
        "credentials": [credential],
        "revision": 1,
        "deleted": False,
    }
    return UserChanged(**state | changes)


def project_changed(id_: int, name: str = "项目A", **changes: Any) -> ProjectChanged:
    state: dict[str, Any] = {
        "id": id_,
        "name": name,
        "description": "",
        "variables": {},
        "egress_allow": [],
        "default_environment_id": None,
        "revision": 1,
        "deleted": False,
    }
    return ProjectChanged(**state | changes)


def case(id_: int, status: str = "passed", **changes: Any) -> CaseOutcome:
    passed = 5 if status == "passed" else 4
    state: dict[str, Any] = {
        "case_id": id_,
        "name": f"用例{id_}",
        "project_id": 7,
        "status": status,
        "failure_class": "assertion" if status == "failed" else None,
        "flaky": False,
        "starts": 1,
        "steps_total": 5,
        "steps_passed": passed,
        "steps_failed": 5 - passed,
        "steps_error": 0,
        "steps_skipped": 0,
        "pass_rate": passed * 20.0,
        "duration_ms": 812,
    }
    return CaseOutcome(**state | changes)


def run_completed(cases: list[CaseOutcome] | None = None, **changes: Any) -> RunCompleted:
    """A final run of task 1 of the owners 1 and 2; it failed if one of its cases did."""
    cases = [case(22)] if cases is None else cases
    counts = {word: sum(each.status == word for each in cases) for word in ("passed", "failed", "error", "skipped")}
    run_id = changes.pop("run_id", None) or uuid7()
    finished_at = changes.pop("finished_at", datetime.now(UTC))
    status = "error" if counts["error"] else "failed" if counts["failed"] else "passed"
    judged = len(cases) - counts["skipped"]
    state: dict[str, Any] = {
        "run_id": run_id,
        "task_id": 1,
        "task_name": "每日巡检",
        "trigger": "schedule",
        "attempt": 1,
        "max_attempts": 1,
        "final": True,
        "status": status,
        "reason": None,
        "previous_status": None,
        "notify": "always",
        "owner_ids": [1, 2],
        "project_ids": [7],
        "cases_total": len(cases),
        **{f"cases_{word}": count for word, count in counts.items()},
        "pass_rate": counts["passed"] * 100 // judged * 1.0 if judged else None,
        "step_pass_rate": 90.0,
        "cases": cases,
        "due_at": finished_at - timedelta(seconds=6),
        "started_at": finished_at - timedelta(seconds=5.2),
        "finished_at": finished_at,
        "report_path": f"/console/runs/{run_id}",
    }
    return RunCompleted(**state | changes)
