"""Deleting what is past its time."""

import logging

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

log = logging.getLogger(__name__)

_STATEMENTS = {
    # a day longer than they hold, so that who still comes with one is told that it expired or was replaced
    "tokens": "DELETE FROM token WHERE least(expires_at, replaced_at) < clock_now() - interval '1 day'",
    "login failures": """
        DELETE FROM login_failure
        WHERE coalesce(greatest(locked_until, (SELECT max(at) FROM unnest(failed_at) AS at)), '-infinity')
              < clock_now() - interval '1 hour'
    """,
    "audit entries": "DELETE FROM audit WHERE at < clock_now() - make_interval(days => :keep_audit_days)",
}


async def purge(session: AsyncSession, keep_audit_days: int) -> None:
    """Delete tokens that ended more than a day ago, counts of log-ins of an hour ago, and old audit entries."""
    for what, statement in _STATEMENTS.items():
        deleted = await session.execute(text(statement + " RETURNING 1"), {"keep_audit_days": keep_audit_days})
        if count := len(deleted.all()):
            log.info("purged %d %s", count, what)
