"""Settings of the executor, read from `ROUNDS_EXECUTOR_…` when they are asked for."""

from functools import lru_cache
from ipaddress import ip_network

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ExecutorSettings(BaseSettings):
    """What is in force for running cases."""

    model_config = SettingsConfigDict(env_prefix="ROUNDS_EXECUTOR_", extra="ignore", frozen=True)

    concurrency: int = Field(100, ge=1, le=2000)
    """Case runs that this process keeps in the air at the same time."""
    judge_seconds: int = Field(10, ge=1)
    """How long a large or costly answer may be judged, in a process of its own."""
    lease_seconds: float = Field(60, ge=4)
    """How long a claimed case run is left to a worker of which nothing is heard; renewed four times in that time."""
    egress_allow: str = ""
    """CIDRs, comma-separated, that may be reached although they are denied by default, such as `127.0.0.0/8`."""
    egress_deny: str = ""
    """CIDRs that may never be reached; wins over whatever allows."""
    keep_steps_days: int = Field(30, ge=1)
    """How long requests, responses and judgements are kept."""
    keep_runs_days: int = Field(365, ge=1)
    """How long runs and their totals are kept."""
    run_timeout_seconds: int = Field(86_400, ge=1)
    """A run that is still open after this is cancelled, with the reason `deadline`."""
    trials_per_minute: int = Field(30, ge=1)
    """Unsaved documents that one user may try within a minute."""

    @field_validator("egress_allow", "egress_deny")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in cidrs(value):
            ip_network(part)
        return value


def cidrs(value: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in value.split(",") if part.strip()]


@lru_cache
def executor_settings() -> ExecutorSettings:
    """The settings in force, read once. Tests clear it with `executor_settings.cache_clear()`."""
    return ExecutorSettings()
