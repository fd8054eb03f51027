"""Settings that every service shares, read from `ROUNDS_…` variables when they are asked for, never at import."""

import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

SERVICES = ("auth", "catalog", "scheduler", "executor", "notifier")


def machine_zone() -> str:
    """The machine's IANA zone: `TZ`, else what `/etc/localtime` points to, else UTC."""
    named = os.environ.get("TZ", "").removeprefix(":")
    link = str(Path("/etc/localtime").resolve())
    found = named or (link.split("zoneinfo/", 1)[1] if "zoneinfo/" in link else time.tzname[0])
    try:
        ZoneInfo(found)
    except (KeyError, ValueError, OSError):
        return "UTC"
    return "UTC" if found.endswith("localtime") else found


class Settings(BaseSettings):
    """What is in force for the platform as a whole; a service's own settings stand in its `settings.py`."""

    model_config = SettingsConfigDict(env_prefix="ROUNDS_", extra="ignore", frozen=True, populate_by_name=True)

    database_url: SecretStr | None = None
    """PostgreSQL; `{service}` in it stands for the service's name, so that each logs in with its own role."""
    admin_database_url: SecretStr | None = None
    """Only for `rounds migrate`: may create roles and schemas."""
    kafka_bootstrap_servers: str | None = None
    """Unset: all five services run in this process and hand events over inside it."""
    kafka_username: str | None = None
    """With `kafka_password`: log in by SCRAM-SHA-512."""
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = None
    """Certificates, PEM, that the brokers' are checked against; given: all connections to Kafka are TLS."""
    kafka_prefix: str = ""
    """Put before topics and group names, for a cluster that is shared."""
    http_host: str = "127.0.0.1"
    http_port: int = Field(8000, ge=0, le=65535)
    data_dir: Path = Path("data")
    timezone: str = Field(default_factory=machine_zone)
    """IANA name of the platform's zone, in which naive times of the HTTP API are read and written."""
    encryption_keys: SecretStr | None = None
    """`k2:<base64 of 32 bytes>,k1:…`; the first one encrypts."""
    service_token: SecretStr | None = None
    """Shared by the services; opens `/internal/…`."""
    public_url: str = "http://127.0.0.1:8000"
    """Where people reach Rounds; stands in mails and links."""
    smtp_url: SecretStr | None = None
    trusted_proxies: str = Field("", validation_alias=AliasChoices("ROUNDS_TRUSTED_PROXIES", "trusted_proxies"))
    """Addresses or CIDRs, comma-separated, whose `X-Forwarded-For` is believed."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    drain_seconds: float = Field(0, ge=0)
    """How long a process that was told to stop still answers, unready, until gateways send it nothing more."""
    grace_seconds: float = Field(20, gt=0)
    """How long a stopping process may take to finish or release what it holds."""
    demo: bool = False
    """Serves `/catalog/demo/…`, the target of the sample project."""

    @property
    def zone(self) -> ZoneInfo:
        """The platform's zone."""
        return ZoneInfo(self.timezone)

    @property
    def embedded(self) -> bool:
        """Whether events are handed over inside this process, without Kafka."""
        return self.kafka_bootstrap_servers is None

    def database_url_of(self, service: str) -> str:
        """The address of a service's schema.

        Raises: RuntimeError when no variable gives it.
        """
        own = os.environ.get(f"ROUNDS_{service.upper()}_DATABASE_URL")
        if own is None and self.database_url is not None:
            own = self.database_url.get_secret_value().replace("{service}", service)
        if own is None:
            message = f"set ROUNDS_{service.upper()}_DATABASE_URL or ROUNDS_DATABASE_URL"
            raise RuntimeError(message)
        return own

    def peer_url(self, service: str) -> str:
        """Where a service's HTTP API is reached from inside; by default this very process."""
        return os.environ.get(f"ROUNDS_{service.upper()}_URL", f"http://127.0.0.1:{self.http_port}")


@lru_cache
def settings() -> Settings:
    """The settings in force, read once. Tests clear it with `settings.cache_clear()`."""
    return Settings()
