"""Reads of what the executor knows of other services' things."""

from collections.abc import Iterable

from sqlalchemy.orm import defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.executor.models import KnownCase, KnownEnvironment, KnownProject


async def cases(session: AsyncSession, ids: Iterable[int | None], *, deleted: bool = False) -> dict[int, KnownCase]:
    """Cases by id, without their documents; those that are gone only if asked for."""
    query = select(KnownCase).where(col(KnownCase.id).in_({id_ for id_ in ids if id_}))
    query = query.options(defer(KnownCase.document, raiseload=True))
    return {case.id: case for case in await session.exec(query) if deleted or not case.deleted}


async def environments(
    session: AsyncSession, ids: Iterable[int | None], *, deleted: bool = False
) -> dict[int, KnownEnvironment]:
    """Environments by id."""
    query = select(KnownEnvironment).where(col(KnownEnvironment.id).in_({id_ for id_ in ids if id_}))
    return {found.id: found for found in await session.exec(query) if deleted or not found.deleted}


async def projects(session: AsyncSession, ids: Iterable[int | None]) -> dict[int, KnownProject]:
    """Projects by id, those that are gone too."""
    query = select(KnownProject).where(col(KnownProject.id).in_({id_ for id_ in ids if id_}))
    return {project.id: project for project in await session.exec(query)}
