"""Paths of `/scheduler` about the scheduler itself."""

from fastapi import APIRouter

from services.scheduler import queries
from services.scheduler.db import Caller, Session
from services.scheduler.schemas import Pass, SchedulerStatus
from services.scheduler.usecases import firing

router = APIRouter(prefix="/scheduler", tags=["scheduler"])


@router.post("/tick", summary="One pass of the scheduler by hand")
async def tick(caller: Caller, session: Session) -> Pass:
    """Fire what is due now, at most 500 tasks, and tell what was done. Superusers only."""
    caller.require_superuser()
    fired = await firing.fire_due(session)
    return Pass(**{name: getattr(fired, name) for name in Pass.model_fields})


@router.get("/status", summary="How the scheduler is doing")
async def status(_: Caller, session: Session) -> SchedulerStatus:
    """`last_pass_at`, `last_fired_at` and `lag_ms` are those of the process that answers."""
    state = await queries.state(session)
    overdue = state["overdue"] > 0
    return SchedulerStatus(
        now=state["now"],
        last_pass_at=firing.last_pass.at,
        last_fired_at=firing.last_pass.fired_at,
        lag_ms=firing.last_pass.lag_ms,
        oldest_due_at=state["next_due_at"] if overdue else None,
        next_due_at=state["next_due_at"],
        overdue=state["overdue"],
        open_firings=state["open_firings"],
    )
