"""Auth's own settings, read from `ROUNDS_AUTH_…` variables when they are asked for."""

from functools import lru_cache

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class AuthSettings(BaseSettings):
    """What is in force for users and their log-ins."""

    model_config = SettingsConfigDict(env_prefix="ROUNDS_AUTH_", extra="ignore", frozen=True)

    default_password: SecretStr = Field(SecretStr("123456"), min_length=1)
    """Of users created without one; it must be changed at the first log-in."""
    admin_password: SecretStr | None = Field(None, validation_alias="ROUNDS_ADMIN_PASSWORD", min_length=1)
    """Of the first superuser, `admin`; unset: one is made, printed once, and must be changed."""
    keep_audit_days: int = Field(365, ge=1)
    """How long the audit is kept."""
    keep_steps_days: int = Field(30, validation_alias="ROUNDS_EXECUTOR_KEEP_STEPS_DAYS")
    """The executor's and the notifier's, only to be told by `GET /user/platform`."""
    keep_runs_days: int = Field(365, validation_alias="ROUNDS_EXECUTOR_KEEP_RUNS_DAYS")
    keep_deliveries_days: int = Field(90, validation_alias="ROUNDS_NOTIFIER_KEEP_DAYS")


@lru_cache
def auth_settings() -> AuthSettings:
    """The settings in force, read once. Tests clear it with `auth_settings.cache_clear()`."""
    return AuthSettings()
