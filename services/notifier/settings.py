"""The notifier's own settings, read from `ROUNDS_NOTIFIER_…` variables when they are asked for."""

from email.headerregistry import Address
from functools import lru_cache

from pydantic import Field, field_validator
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

    @field_validator("sender")
    @classmethod
    def _is_address(cls, sender: str | None) -> str | None:
        if sender is not None:
            Address(addr_spec=sender)
        return sender

    @field_validator("egress_allow", "egress_deny")
    @classmethod
    def _are_networks(cls, cidrs: str) -> str:
        Egress.of(_listed(cidrs), [], [])
        return cidrs

    @property
    def egress(self) -> Egress:
        """Where channels may be."""
        return Egress.of(_listed(self.egress_allow), _listed(self.egress_deny), [])


def _listed(cidrs: str) -> list[str]:
    return [cidr.strip() for cidr in cidrs.split(",") if cidr.strip()]


@lru_cache
def notifier_settings() -> NotifierSettings:
    """The settings in force, read once. Tests clear it with `notifier_settings.cache_clear()`."""
    return NotifierSettings()


async def check_settings() -> None:
    """Refuse to start with settings that cannot work. Raises: pydantic.ValidationError."""
    notifier_settings()
