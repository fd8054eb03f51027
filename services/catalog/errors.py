"""Refusals that only the catalog has."""

from typing import ClassVar

from kit.errors import AppError
from kit.messages import N_


class ModuleNotEmpty(AppError):
    """Modules or cases lie in the module that was to be deleted."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "module_not_empty"
    message: ClassVar[str] = N_("The module still holds modules or cases")


class CaseInUse(AppError):
    """Other cases call the case that was to be deleted; `cases` in the body names them."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "case_in_use"
    message: ClassVar[str] = N_("Other cases call this one: {names}")

    def __init__(self, callers: list[tuple[int, str]]) -> None:
        """Ids and names of the callers."""
        super().__init__(
            body={"cases": [{"id": id, "name": name} for id, name in callers]},
            names=", ".join(f"{name} ({id})" for id, name in callers),
        )
