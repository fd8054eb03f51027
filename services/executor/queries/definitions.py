"""What cases were when they ran."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select, tuple_
from sqlmodel.ext.asyncio.session import AsyncSession

from services.executor.models import CaseDefinition


async def documents(session: AsyncSession, keys: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], CaseDefinition]:
    """Definitions by (run id, position)."""
    if not keys:
        return {}
    wanted: Any = tuple_(col(CaseDefinition.run_id), col(CaseDefinition.position))
    found = await session.exec(select(CaseDefinition).where(wanted.in_(set(keys))))
    return {(one.run_id, one.position): one for one in found}
