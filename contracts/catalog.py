"""What the catalog service states: projects, environments, modules and cases."""

from typing import ClassVar

from pydantic import JsonValue

from contracts.base import StateEvent


class ProjectChanged(StateEvent):
    """A project was created, edited or deleted. Carries its whole state; the higher revision wins."""

    topic: ClassVar[str] = "project.changed"

    name: str
    """Name of the project; kept after deletion."""
    description: str | None
    """Free text, may be empty."""
    variables: dict[str, JsonValue] | None
    """Variables of every case of the project; those of an environment win over them."""
    egress_allow: list[str] | None
    """Networks (CIDR) that the project's cases may reach; empty: whatever the platform allows."""
    default_environment_id: int | None
    """The environment taken where none was chosen; null: the project has none."""


class EnvironmentChanged(StateEvent):
    """An environment was created, edited or deleted. Carries its whole state; the higher revision wins."""

    topic: ClassVar[str] = "environment.changed"

    project_id: int | None
    """The project that it belongs to."""
    name: str
    """Name of the environment; kept after deletion."""
    base_urls: dict[str, str] | None
    """URL by name; `default` is the case's `{{base_url}}`."""
    headers: dict[str, str] | None
    """Headers sent with every request."""
    variables: dict[str, JsonValue] | None
    """Variables of every case run against it."""
    secrets: dict[str, str] | None
    """Encrypted value by name (`<key id>:<text>`); id and name are the associated data."""
    is_default: bool | None
    """Whether it is the project's default environment."""
    verify_tls: bool | None
    """Whether certificates of the target are verified."""
    proxy: str | None
    """URL of the proxy that requests go through; null: none."""
    ca_bundle: str | None = None
    """Certificates (PEM) of authorities that are trusted beside the system's own."""
    client_certificate: str | None = None
    """Certificate (PEM, with its chain) for servers that ask for one."""
    client_key: str | None = None
    """Name of the secret that holds its key (PEM)."""


class ModuleChanged(StateEvent):
    """A module was created, edited, moved or deleted. Carries its whole state; the higher revision wins."""

    topic: ClassVar[str] = "module.changed"

    project_id: int | None
    """The project that it belongs to."""
    parent_id: int | None
    """The module that it lies in; null: at the top of the project."""
    name: str
    """Name of the module; kept after deletion."""
    position: int | None
    """Order among the modules of the same parent, smallest first."""


class CaseChanged(StateEvent):
    """A case was created, edited, moved or deleted. Carries its whole state; the higher revision wins."""

    topic: ClassVar[str] = "case.changed"

    project_id: int | None
    """The project that it belongs to."""
    module_id: int | None
    """The module that it lies in."""
    name: str
    """Name of the case; kept after deletion."""
    tags: list[str] | None
    """Words to find it by."""
    document: dict[str, JsonValue] | None
    """The case document as saved (`apiVersion: rounds/v1`, `kind: Case`)."""
    calls: list[int] | None
    """Ids of the cases that its `call` steps name."""
    step_count: int | None
    """Number of steps in the document, nested ones included."""
