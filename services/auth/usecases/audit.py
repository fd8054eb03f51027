"""Writing the audit, in the transaction of what it tells."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from kit.caller import Caller
from kit.telemetry import request_id
from services.auth.models import Audit

MASKED = "***"


def note(
    session: AsyncSession,
    actor: Caller | None,
    action: str,
    about: tuple[str, int | None, str],
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    address: str = "",
) -> None:
    """Write down who did what to which object.

    `about` is the object's type, id and name; `before` and `after` hold what changed, with secrets masked already.
    """
    object_type, object_id, object_name = about
    session.add(
        Audit(
            actor_id=actor.user_id if actor else None,
            actor_name=actor.username if actor else "",
            action=action,
            object_type=object_type,
            object_id=object_id,
            object_name=object_name,
            before=before,
            after=after,
            address=address,
            request_id=request_id.get(),
        ),
    )


def difference(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two states the fields that differ."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}
