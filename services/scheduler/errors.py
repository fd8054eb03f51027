"""What the scheduler refuses."""

from kit.errors import AppError
from kit.messages import N_


class TaskNotFound(AppError):
    """There is no such task."""

    status, code, message = 404, "task_not_found", N_("There is no such task")


class TaskNotPending(AppError):
    """The task is past the point where this could be done; the message names its status."""

    status, code = 409, "task_not_pending"
    message = N_("Only a pending task can be changed; its present status is {status}")

    def __init__(self, status: str) -> None:
        super().__init__(status=status, body={"status": status})
