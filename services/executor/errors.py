"""What the executor refuses beside what every service does."""

from kit.errors import AppError
from kit.messages import N_


class RunOver(AppError):
    """A run that has ended cannot be cancelled."""

    status, code = 409, "run_over"
    message = N_("The run has ended already: {status}")

    def __init__(self, status: str) -> None:
        super().__init__(body={"status": status}, status=status)


class TooManyTrials(AppError):
    """The user has tried too many unsaved documents within the last minute."""

    status, code, message = 429, "too_many_attempts", N_("Too many attempts, please try again later")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "60"})


class AnswerNotKept(AppError):
    """The step's answer is not stored: it was dropped, purged, or there was none."""

    status, code = 409, "answer_not_kept"
    message = N_("The answer of this step is not kept")


class RowRequired(AppError):
    """The case has data rows, and the request names none."""

    status, code = 400, "row_required"
    message = N_("The case has data rows; say which one by `row`")
