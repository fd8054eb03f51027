"""What the executor keeps of projects, environments and cases: the higher revision wins."""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.base import StateEvent
from contracts.catalog import CaseChanged, EnvironmentChanged, ProjectChanged
from kit.db import wake_after_commit
from services.executor.models import KnownCase, KnownEnvironment, KnownProject, table


async def keep_project(session: AsyncSession, event: ProjectChanged) -> None:
    """Take a project's state."""
    values = {
        "name": event.name,
        "variables": event.variables or {},
        "egress_allow": event.egress_allow or [],
        "default_environment_id": event.default_environment_id,
    }
    await _keep(session, KnownProject, event, values)


async def keep_environment(session: AsyncSession, event: EnvironmentChanged) -> None:
    """Take an environment's state."""
    rest = event.model_dump(mode="json", exclude={"id", "revision", "deleted", "project_id", "name"})
    await _keep(
        session,
        KnownEnvironment,
        event,
        {"project_id": event.project_id, "name": event.name, "settings": rest},
    )


async def keep_case(session: AsyncSession, event: CaseChanged) -> None:
    """Take a case's state; case runs may be waiting for it."""
    document = event.document or {}
    rows = document.get("data")
    values = {
        "project_id": event.project_id,
        "name": event.name,
        "document": document,
        "calls": event.calls or [],
        "data_rows": len(rows) if isinstance(rows, list) else 0,
    }
    await _keep(session, KnownCase, event, values)
    wake_after_commit(session, "work")


async def keep_looked_up(session: AsyncSession, answer: Any) -> None:  # noqa: ANN401 (JSON)
    """Take what a look-up at the catalog answered; None: it knows nothing of it."""
    for one in _events(answer, "projects", ProjectChanged):
        await keep_project(session, one)
    for one in _events(answer, "environments", EnvironmentChanged):
        await keep_environment(session, one)
    for one in _events(answer, "cases", CaseChanged):
        await keep_case(session, one)


def _events(answer: Any, name: str, kind: type[Any]) -> Iterable[Any]:  # noqa: ANN401 (JSON)
    return (kind.model_validate_json(orjson.dumps(one)) for one in (answer or {}).get(name, ()))


async def _keep(session: AsyncSession, model: type[Any], event: StateEvent, values: dict[str, Any]) -> None:
    statement = insert(table(model)).values(id=event.id, revision=event.revision, deleted=event.deleted, **values)
    changed = {name: statement.excluded[name] for name in ("revision", "deleted", *values)}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_=changed, where=table(model).c.revision < statement.excluded.revision
        )
    )
