"""What other services ask."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends

from kit.errors import NotFound
from kit.http import service_only
from services.executor.db import Session
from services.executor.usecases import ends

router = APIRouter(prefix="/internal/executor", dependencies=[Depends(service_only)], include_in_schema=False)


@router.get("/runs/{run_id}")
async def run_state(run_id: UUID, session: Session) -> dict[str, Any]:
    """How a run stands, for the scheduler's reconciliation; `completed` is the event again if the run has ended."""
    state = await ends.run_state(session, run_id)
    if state is None:
        raise NotFound
    return state
