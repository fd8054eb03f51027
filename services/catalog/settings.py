"""Settings of the catalog, read when they are asked for."""

from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.egress import Egress


class CatalogSettings(BaseSettings):
    """What is in force for checking whether an environment's URLs answer: what is in force for cases."""

    model_config = SettingsConfigDict(env_prefix="ROUNDS_CATALOG_", extra="ignore", frozen=True)

    egress_allow: str = Field("", validation_alias="ROUNDS_EXECUTOR_EGRESS_ALLOW")
    """CIDRs, comma-separated, that may be reached although they are denied by default: the executor's setting."""
    egress_deny: str = Field("", validation_alias="ROUNDS_EXECUTOR_EGRESS_DENY")
    """CIDRs that may never be reached: the executor's setting."""

    def egress(self, only: list[str]) -> Egress:
        """Where URLs of a project with this `egress_allow` may lead. Raises: ValueError when a CIDR is none."""
        allow, deny = (
            [cidr.strip() for cidr in text.split(",") if cidr.strip()] for text in (self.egress_allow, self.egress_deny)
        )
        return Egress.of(allow, deny, only)


@lru_cache
def catalog_settings() -> CatalogSettings:
    """The settings in force, read once. Tests clear it with `catalog_settings.cache_clear()`."""
    return CatalogSettings()
