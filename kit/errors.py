"""Errors that carry their HTTP status and a stable code, and tell a consumer which class of fault they are."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from aiokafka.errors import KafkaError
from asyncpg import exceptions as pg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kit.messages import N_, translate


@dataclass(frozen=True)
class FieldFault:
    """One field at fault: its path in the body, the reason's stable word, and what else helps to mend it."""

    field: str
    reason: str
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As it stands in `errors` of an answer, with a sentence for people."""
        field = self.field.encode(errors="replace").decode()  # it may be the name that a caller gave an unknown field
        return {"field": field, "reason": self.reason, "msg": translate(REASONS[self.reason]), **self.extra}


REASONS = {
    "wrong_type": N_("The type is wrong"),
    "unknown_field": N_("There is no such field"),
    "unknown_ids": N_("These ids do not exist"),
    "not_in_future": N_("The time must lie in the future"),
    "time_does_not_exist": N_("This time does not exist: the clocks are put forward over it"),
    "inactive": N_("These users are disabled"),
    "wrong": N_("The value is wrong"),
    "bad_format": N_("The format is wrong"),
    "repeated": N_("Values must not be repeated"),
    "out_of_range": N_("The value is out of range"),
    "duplicate": N_("This name is taken"),
    "missing": N_("The field is missing"),
    "not_a_member": N_("You are not a member of the projects of these"),
    "not_supported": N_("This is not supported yet"),
    "cycle": N_("It would contain itself"),
}


class AppError(Exception):
    """A refusal that a caller can understand. Subclasses give status, code and message."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    message: ClassVar[str] = N_("Internal server error")

    def __init__(
        self,
        *,
        errors: list[FieldFault] | None = None,
        headers: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        **values: object,
    ) -> None:
        """Values fill the message's placeholders; `body` adds fields to the answer."""
        super().__init__(f"{self.code} {values or ''} {errors or ''}")
        self.errors = errors or []
        self.headers = headers or {}
        self.extra = body or {}
        self.values = values

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer, in the request's language."""
        answer = {"code": self.code, "msg": translate(self.message, self.values), **self.extra}
        if self.errors:
            answer["errors"] = [fault.body() for fault in self.errors]
        return answer


class MissingParameter(AppError):
    """A field that the call cannot do without is absent."""

    status, code, message = 400, "missing_parameter", N_("A required parameter is missing")


class InvalidParameter(AppError):
    """Fields are at fault; `errors` names each."""

    status, code, message = 400, "invalid_parameter", N_("Invalid parameter")


class NotAuthenticated(AppError):
    """No token, or one that is unknown, expired or replaced; `reason` in the body tells which."""

    status, code, message = 401, "not_authenticated", N_("Authentication failed, please log in again")

    def __init__(self, reason: str, **more: Any) -> None:  # noqa: ANN401 (fields of the body)
        super().__init__(headers={"WWW-Authenticate": "Token"}, body={"reason": reason, **more})


class MustChangePassword(AppError):
    """The default password is still set: nothing else is allowed."""

    status, code, message = 403, "must_change_password", N_("Please change the password first")


class PermissionDenied(AppError):
    """The caller may not do this."""

    status, code, message = 403, "permission_denied", N_("You have no permission for this")


class NotFound(AppError):
    """There is no such thing."""

    status, code, message = 404, "not_found", N_("Not found")


class MethodNotAllowed(AppError):
    """The path exists, the method does not."""

    status, code, message = 405, "method_not_allowed", N_("Method not allowed")


class RevisionConflict(AppError):
    """`If-Match` names another revision than the present one."""

    status, code = 409, "revision_conflict"
    message = N_("Someone changed this meanwhile; the present revision is {revision}")

    def __init__(self, revision: int) -> None:
        super().__init__(body={"revision": revision}, revision=revision)


class PayloadTooLarge(AppError):
    """A body or an event is larger than Rounds takes."""

    status, code, message = 413, "payload_too_large", N_("The content is too large")


class DependencyUnavailable(AppError):
    """A part that this answer needs is out of reach; try again later."""

    status, code = 503, "dependency_unavailable"
    message = N_("A service that this needs is not available, please try again later")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


_PASSING: tuple[type[BaseException], ...] = (
    pg.PostgresConnectionError,
    pg.SerializationError,
    pg.DeadlockDetectedError,
    pg.LockNotAvailableError,
    pg.InsufficientResourcesError,
    pg.OperatorInterventionError,
    pg.InvalidCatalogNameError,
    pg.InterfaceError,
    pg.InternalClientError,  # of a connection that the server closed at the moment at which a statement began
    pg.ReadOnlySQLTransactionError,
    pg.InvalidAuthorizationSpecificationError,
)


FROM_BELOW: tuple[type[Exception], ...] = (
    OSError,
    KafkaError,
    SQLAlchemyError,
    pg.PostgresError,
    pg.InterfaceError,
    pg.InternalClientError,
)
"""What database, broker and peers raise, be it their fault or not."""


def is_infrastructure(error: BaseException) -> bool:
    """Whether the fault lies with the database, the broker or a peer, so that trying again will mend it."""
    if isinstance(error, (DependencyUnavailable, PoolTimeout, KafkaError, OSError, *_PASSING)):
        return not isinstance(error, pg.DataError | ValueError)
    if isinstance(error, DBAPIError):
        driver = error.orig.__cause__ if error.orig is not None else None
        if driver is not None:
            return is_infrastructure(driver)
        return error.connection_invalidated or isinstance(error, InterfaceError | OperationalError)
    return False
