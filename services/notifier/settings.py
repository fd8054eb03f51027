"""The notifier's own settings, read from `ROUNDS_NOTIFIER_…` variables when they are asked for."""

from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class NotifierSettings(BaseSettings):
    """What is in force for deliveries."""

    model_config = SettingsConfigDict(env_prefix="ROUNDS_NOTIFIER_", extra="ignore", frozen=True)

    sender: str | None = None
    """From whom mails come, such as `rounds@example.com`; unset: `rounds@` the host of `ROUNDS_PUBLIC_URL`."""
    keep_days: int = Field(90, ge=2)
    """How long deliveries, and what they told, are kept."""


@lru_cache
def notifier_settings() -> NotifierSettings:
    """The settings in force, read once. Tests clear it with `notifier_settings.cache_clear()`."""
    return NotifierSettings()
