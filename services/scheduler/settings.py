"""Settings of the scheduler alone."""

from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SchedulerSettings(BaseSettings):
    """Read from `ROUNDS_SCHEDULER_…`."""

    model_config = SettingsConfigDict(env_prefix="ROUNDS_SCHEDULER_", extra="ignore", frozen=True)

    max_sleep_seconds: float = Field(1.0, gt=0, le=3600)
    """The longest sleep of the loop that fires: how late a wake-up that got lost can make a task."""
    silent_seconds: float = Field(60.0, gt=0)
    """How long a firing may be silent before the executor is asked about it."""
    lost_after_seconds: float = Field(3600.0, gt=0)
    """How long the executor may not know a firing's run before the firing is given up as lost."""
    keep_ledger_days: int = Field(365, ge=1)
    """How long the ledger keeps what became of a due time, from its end on."""


@lru_cache
def scheduler_settings() -> SchedulerSettings:
    """The settings in force, read once. Tests clear it with `scheduler_settings.cache_clear()`."""
    return SchedulerSettings()
