"""The services that Rounds consists of, loaded by name: importing one takes a second that no other should pay."""

import gc
from collections.abc import Collection
from importlib import import_module
from typing import cast

from kit.service import Service
from kit.settings import SERVICES as NAMES


def load(names: Collection[str] = NAMES) -> tuple[Service, ...]:
    """The named services, all five by default, in the order in which work flows through them."""
    wanted = [name for name in NAMES if name in names]
    gc.disable()  # nothing that is imported is garbage, and looking for some takes a tenth of the time
    try:
        return tuple(cast("Service", import_module(f"services.{name}.main").service) for name in wanted)
    finally:
        gc.enable()
