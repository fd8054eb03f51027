"""Bodies and answers about projects, environments and modules."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints, ValidationInfo

from kit.crypto import KeyRead
from kit.http import Body, FaultReason
from services.catalog.schemas.fields import (
    Answer,
    Certificates,
    Description,
    Headers,
    Id,
    Name,
    Network,
    Stamps,
    Url,
    VariableName,
    Variables,
    each_once,
)

STAMPS: dict[str, Any] = {
    "revision": 1,
    "created_at": "2025-08-26T07:00:00Z",
    "updated_at": "2025-08-26T07:00:00Z",
    "created_by": {"id": 1, "username": "admin"},
    "updated_by": {"id": 1, "username": "admin"},
}


PROJECT: dict[str, Any] = {
    "id": 7,
    "name": "项目A",
    "description": "",
    "variables": {"tenant": "t1"},
    "egress_allow": ["10.0.0.0/8"],
    "default_environment_id": 3,
    "case_count": 12,
    "can_write": True,
    **STAMPS,
}


class ProjectWrite(Body):
    """A project as it is to be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "项目A", "description": "", "variables": {"tenant": "t1"}, "egress_allow": ["10.0.0.0/8"]}
            ]
        }
    )

    name: Name
    description: Description = ""
    variables: Variables = Field(default_factory=dict)
    """Variables of every case of the project."""
    egress_allow: Annotated[list[Network], Field(max_length=100), AfterValidator(each_once)] = Field(
        default_factory=list
    )
    """Networks that the project's cases may reach; empty: whatever the platform allows."""


class ProjectRead(Stamps):
    """A project."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                PROJECT,
            ]
        }
    )

    id: int
    name: str
    description: str
    variables: dict[str, JsonValue]
    egress_allow: list[str]
    default_environment_id: int | None
    case_count: int
    can_write: bool
    """Whether the caller is a member of it, or a superuser."""


def _with_certificate(key: str | None, info: ValidationInfo) -> str | None:
    if (key is None) != (info.data.get("client_certificate") is None):
        raise FaultReason("bad_format")
    return key


SecretValue = Annotated[str, StringConstraints(min_length=6, max_length=10_000)]

ENVIRONMENT: dict[str, Any] = {
    "name": "qa",
    "base_urls": {"default": "https://qa.example.test"},
    "headers": {"X-Env": "qa"},
    "variables": {"user": "bob"},
    "secrets": {"password": "s3cret-value"},
    "is_default": True,
    "verify_tls": True,
    "proxy": None,
    "ca_bundle": None,
    "client_certificate": None,
    "client_key": None,
}


class EnvironmentWrite(Body):
    """An environment as it is to be. What is left out is empty, but the secrets: they stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [ENVIRONMENT]})

    name: Name
    base_urls: Annotated[dict[VariableName, Url], Field(max_length=100)] = Field(default_factory=dict)
    """`default` is `{{base_url}}` of the cases, `pay` is `{{base_urls.pay}}`."""
    headers: Headers = Field(default_factory=dict)
    """Sent with every request."""
    variables: Variables = Field(default_factory=dict)
    secrets: Annotated[dict[VariableName, SecretValue | None], Field(max_length=500)] = Field(default_factory=dict)
    """A value sets the secret, null deletes it, one that is not named stays. Never readable again."""
    is_default: bool = False
    """Makes it the project's default. The first environment of a project is that anyway; it stays it until another
    takes over."""
    verify_tls: bool = True
    proxy: Url | None = None
    ca_bundle: Certificates | None = None
    """Certificates (PEM) of authorities that are trusted beside the system's own."""
    client_certificate: Certificates | None = None
    """Shown to servers that ask for one, with its chain (PEM)."""
    client_key: Annotated[VariableName | None, Field(validate_default=True), AfterValidator(_with_certificate)] = None
    """Name of the secret that holds the key of `client_certificate` (PEM, without a password); one is not without the
    other."""
    databases: None = None
    """Not there yet."""


class SecretRead(Answer):
    """That there is a secret of this name; its value is not readable."""

    name: str
    updated_at: datetime


class EnvironmentRead(Stamps):
    """An environment. Of its secrets only the names can be read."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 3,
                    "project_id": 7,
                    **ENVIRONMENT,
                    "secrets": [{"name": "password", "updated_at": "2025-08-26T07:00:00Z"}],
                    "databases": None,
                    **STAMPS,
                }
            ]
        }
    )

    id: int
    project_id: int
    name: str
    base_urls: dict[str, str]
    headers: dict[str, str]
    variables: dict[str, JsonValue]
    secrets: list[SecretRead]
    is_default: bool
    verify_tls: bool
    proxy: str | None
    ca_bundle: str | None
    client_certificate: str | None
    client_key: str | None
    databases: None


class UrlCheck(Answer):
    """Whether a base URL answers."""

    name: str
    url: str
    ok: bool
    """It answered, whatever the status."""
    status: int | None
    error: str | None
    """The class of fault (dns, connect, tls, timeout, protocol, egress) and what was met."""
    duration_ms: float


class EnvironmentCheck(Answer):
    """What became of asking every base URL of an environment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "base_urls": [
                        {
                            "name": "default",
                            "url": "https://qa.example.test",
                            "ok": True,
                            "status": 200,
                            "error": None,
                            "duration_ms": 41.5,
                        }
                    ]
                }
            ]
        }
    )

    base_urls: list[UrlCheck]


class SecretsRotated(Answer):
    """How many secrets were encrypted anew; more may be left until it is 0."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rotated": 12,
                    "before": [{"id": "k1", "fingerprint": "5f3a09c1"}],
                    "key": {"id": "k2", "fingerprint": "9be10d42"},
                }
            ]
        }
    )

    rotated: int
    before: list[KeyRead]
    """The keys that these were under."""
    key: KeyRead
    """The key in force, under which they are now."""


class SampleRead(ProjectRead):
    """The sample project and its cases."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**PROJECT, "case_ids": [22, 23, 24]}]})

    case_ids: list[int]
    """In the order in which they are best read; the last one fails on purpose."""


class ModuleCreate(Body):
    """A module to make; without a position it comes last."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "用户", "parent_id": None, "position": 0}]})

    name: Name
    parent_id: Id | None = None
    """The module to put it in; null: the top of the project."""
    position: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Where among its siblings, from 0; past their number: last."""


class ModuleUpdate(Body):
    """A module's new name; `parent_id` and `position` move it, when given."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "用户与权限"}]})

    name: Name
    parent_id: Id | None = None
    position: Annotated[int, Field(ge=0, le=100_000)] | None = None


class ModuleMove(Body):
    """Where a module goes: before a sibling, or last."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"parent_id": 4, "before_id": None}]})

    parent_id: Id | None
    before_id: Id | None = None


class ModuleRead(Stamps):
    """A module."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 4,
                    "project_id": 7,
                    "parent_id": None,
                    "name": "用户",
                    "position": 0,
                    "path": ["用户"],
                    "case_count": 0,
                    **STAMPS,
                }
            ]
        }
    )

    id: int
    project_id: int
    parent_id: int | None
    name: str
    position: int
    """Index among its siblings."""
    path: list[str]
    """Names from the top of the tree down to this one."""
    case_count: int
    """Cases that lie directly in it."""
