"""Who may change a task."""

from kit.caller import Caller
from kit.errors import PermissionDenied
from services.scheduler.models import Task


def is_holder(caller: Caller, task: Task) -> bool:
    """Whether the task is the caller's: an owner's or its creator's; superusers hold all."""
    return caller.is_superuser or caller.user_id in {task.created_by, *task.owner_ids}


def require_holder(caller: Caller, task: Task) -> None:
    """Raises: PermissionDenied for who is neither owner nor creator."""
    if not is_holder(caller, task):
        raise PermissionDenied
