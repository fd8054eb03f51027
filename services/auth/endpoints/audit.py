"""Reading the audit."""

from typing import Annotated

from fastapi import APIRouter, Depends

from kit.clock import naive_text, utc_text
from kit.http import PagingQuery
from kit.messages import N_, translate
from kit.settings import settings
from services.auth import queries
from services.auth.db import Session
from services.auth.endpoints.callers import Superuser
from services.auth.models import Audit
from services.auth.schemas.audit import Actor, AuditFilter, AuditPage, AuditRead

router = APIRouter(prefix="/user", tags=["audit"])


@router.get("/audit", summary="Read the audit")
async def list_audit(
    _: Superuser, session: Session, paging: PagingQuery, only: Annotated[AuditFilter, Depends()]
) -> AuditPage:
    """Who did what to which object, before and after, newest first; superusers only. Secrets are `***`."""
    total, found = await queries.list_audit(session, paging, only)
    return AuditPage(
        msg=translate(N_("Done")), total=total, **paging.model_dump(), data=[_shown(entry) for entry in found]
    )


def _shown(entry: Audit) -> AuditRead:
    return AuditRead(
        **entry.model_dump(exclude={"at", "actor_id", "actor_name"}),
        at=naive_text(entry.at, settings().zone),
        at_utc=utc_text(entry.at),
        actor=None if entry.actor_id is None else Actor(id=entry.actor_id, username=entry.actor_name),
    )
