"""Keeping what other services state about their objects."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.auth import UserChanged
from contracts.base import StateEvent
from contracts.catalog import CaseChanged, EnvironmentChanged, ModuleChanged, ProjectChanged
from kit.caller import keep_user
from services.scheduler.clients import Fact
from services.scheduler.models import KnownCase, KnownEnvironment, KnownModule, KnownProject

REPLICAS: dict[type[StateEvent], Any] = {
    ProjectChanged: KnownProject,
    EnvironmentChanged: KnownEnvironment,
    ModuleChanged: KnownModule,
    CaseChanged: KnownCase,
}
_KEPT_AFTER_DELETION = {"project_id", "module_id"}


async def keep(session: AsyncSession, *facts: Fact) -> None:
    """Take the states into the replicas, each unless a higher revision is there already; one statement per kind.

    A deleted object keeps its project and module, so that lists can go on naming them.
    """
    by_kind: defaultdict[type[StateEvent], dict[int, Fact]] = defaultdict(dict)
    for fact in facts:
        if isinstance(fact, UserChanged):
            await keep_user(session, fact)
        else:
            by_kind[type(fact)][fact.id] = fact
    for kind, found in by_kind.items():
        await _keep(session, REPLICAS[kind], list(found.values()))


async def _keep(session: AsyncSession, model: Any, facts: Sequence[Fact]) -> None:  # noqa: ANN401 (a table)
    table = model.__table__
    names = [column.name for column in table.columns]
    statement = insert(table).values([{name: getattr(fact, name) for name in names} for fact in facts])
    new = {
        name: func.coalesce(statement.excluded[name], table.c[name])
        if name in _KEPT_AFTER_DELETION
        else statement.excluded[name]
        for name in names
        if name != "id"
    }
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_=new, where=table.c.revision < statement.excluded.revision
        )
    )
