"""What the executor refuses beside what every service does."""

from kit.errors import AppError
from kit.messages import N_


class RunOver(AppError):
    """A run that has ended cannot be cancelled."""

    status, code = 409, "run_over"
    message = N_("The run has ended already: {status}")

    def __init__(self, status: str) -> None:
        super().__init__(body={"status": status}, status=status)


class RowRequired(AppError):
    """The case has data rows, and the request names none."""

    status, code = 400, "row_required"
    message = N_("The case has data rows; say which one by `row`")
