"""The notifier's own settings, read from `ROUNDS_NOTIFIER_…` variables when they are asked for."""

from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.egress import Egress


class NotifierSettings(BaseSettings):
    """What is in force for deliveries."""

    model_config = SettingsConfigDict(env_prefix="ROUNDS_NOTIFIER_", extra="ignore", frozen=True)

    sender: str | None = None
    """From whom mails come, such as `rounds@example.com`; unset: `rounds@` the host of `ROUNDS_PUBLIC_URL`."""
    egress_allow: str = Field("", validation_alias="ROUNDS_EXECUTOR_EGRESS_ALLOW")
    """CIDRs, comma-separated, that channels may reach although they are denied by default: the executor's setting."""
    egress_deny: str = Field("", validation_alias="ROUNDS_EXECUTOR_EGRESS_DENY")
    """CIDRs that channels may never reach: the executor's setting."""
    keep_days: int = Field(90, ge=2)
    """How long deliveries, and what they told, are kept."""

    @property
    def egress(self) -> Egress:
        """Where channels may be. Raises: ValueError when a CIDR is none."""
        allow, deny = (
            [cidr.strip() for cidr in text.split(",") if cidr.strip()] for text in (self.egress_allow, self.egress_deny)
        )
        return Egress.of(allow, deny, [])


@lru_cache
def notifier_settings() -> NotifierSettings:
    """The settings in force, read once. Tests clear it with `notifier_settings.cache_clear()`."""
    return NotifierSettings()
