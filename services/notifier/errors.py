"""Refusals of the notifier."""

from typing import ClassVar

from kit.errors import AppError
from kit.messages import N_


class DeliveryNotEnded(AppError):
    """Only what failed or was skipped can be sent by hand."""

    status, code = 409, "delivery_not_retryable"
    message: ClassVar[str] = N_("Only failed or skipped deliveries can be sent again; the present status: {status}")
