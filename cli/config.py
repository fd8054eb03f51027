"""`rounds config`: which settings are in force, where each comes from, and whether they make sense."""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from kit.crypto import EncryptionKeysInvalid, key_ids
from kit.settings import SERVICES, Settings, settings
from services.auth.settings import AuthSettings
from services.executor.settings import ExecutorSettings
from services.notifier.settings import NotifierSettings
from services.scheduler.settings import SchedulerSettings

MODELS: tuple[type[BaseSettings], ...] = (Settings, AuthSettings, SchedulerSettings, ExecutorSettings, NotifierSettings)
PER_SERVICE = tuple(f"ROUNDS_{name.upper()}_{what}" for name in SERVICES for what in ("DATABASE_URL", "URL"))
OF_CLIENTS = {"ROUNDS_URL", "ROUNDS_TOKEN"}
MASK = "***"


@dataclass(frozen=True)
class Setting:
    """A variable, the value in force with secrets masked, and where it comes from."""

    name: str
    value: str | None
    source: str


def in_force(taken: Collection[str] = (), source: str = "") -> list[Setting]:
    """Every setting, the platform's first; `taken` are the variables that were read from `source`.

    Raises: ValidationError; `faults_of_values()` names what is wrong.
    """
    found = []
    for model in MODELS:
        values = model()
        for field, info in model.model_fields.items():
            name = _variable(model, field, info)
            found.append(Setting(name, _shown(getattr(values, field)), _source(name)))
    given = {name: os.environ[name] for name in PER_SERVICE if name in os.environ}
    found += [Setting(name, MASK if "DATABASE" in name else value, "environment") for name, value in given.items()]
    found = [replace(setting, source=source) if setting.name in taken else setting for setting in found]
    return list({setting.name: setting for setting in found}.values())


def faults() -> list[str]:
    """What is wrong with the settings, as sentences without any secret; empty when Rounds can be served with them."""
    return faults_of_values() or list(_contradictions())


def faults_of_values() -> list[str]:
    """Those of the faults that lie in a single value."""
    return [fault for model in MODELS for fault in _faults_of(model)]


def unknown() -> list[str]:
    """Variables that look like settings and are none."""
    known = {_variable(model, field, info) for model in MODELS for field, info in model.model_fields.items()}
    known.update(PER_SERVICE, OF_CLIENTS)
    return sorted(name for name in os.environ if name.startswith("ROUNDS_") and name not in known)


def _faults_of(model: type[BaseSettings]) -> Iterator[str]:
    try:
        model()
    except ValidationError as error:
        names = {field: _variable(model, field, info) for field, info in model.model_fields.items()}
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            place = str(fault["loc"][0])
            yield f"{names.get(place, place)}: {fault['msg']}"


def _contradictions() -> Iterator[str]:
    try:
        ZoneInfo(settings().timezone)
    except (KeyError, ValueError, OSError):
        yield f"ROUNDS_TIMEZONE: there is no zone {settings().timezone}"
    try:
        key_ids()
    except EncryptionKeysInvalid as error:
        yield str(error)
    if settings().service_token is None:
        yield "ROUNDS_SERVICE_TOKEN: not set, so the services refuse each other"
    for name in SERVICES:
        try:
            settings().database_url_of(name)
        except RuntimeError as error:
            yield str(error)


def _variable(model: type[BaseSettings], field: str, info: FieldInfo) -> str:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        alias = str(alias.choices[0])
    return str(alias or f"{model.model_config.get('env_prefix', '')}{field}").upper()


def _source(name: str) -> str:
    return "environment" if name in os.environ else "default"


def _shown(value: object) -> str | None:
    if isinstance(value, SecretStr):
        return MASK
    return None if value is None else str(value)
