"""What auth refuses beyond the errors that all services share."""

from kit.errors import AppError
from kit.messages import N_


class LoginFailed(AppError):
    """Unknown name, wrong password or disabled account: one answer, so that nobody learns which."""

    status, code, message = 403, "login_failed", N_("Wrong password, or the account is disabled!")


class TooManyAttempts(AppError):
    """Log-ins failed too often; `Retry-After` tells how long to wait."""

    status, code, message = 429, "too_many_attempts", N_("Too many attempts, please try again later")

    def __init__(self, seconds: int) -> None:
        super().__init__(headers={"Retry-After": str(seconds)})


class TooManyTokens(AppError):
    """A user holds as many API tokens as one may."""

    status, code, message = 409, "too_many_tokens", N_("You have too many API tokens; delete one first")
