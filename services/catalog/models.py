"""Tables: projects, environments with their secrets, modules, cases with their revisions.

JSON that a person wrote is kept as `json`, not `jsonb`: the order of its keys is the order of headers and of `set`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Identity, Index, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from services.catalog.db import database


class Base(SQLModel, registry=database.registry):
    """Root of the catalog's tables."""


class Stamped(Base):
    """Who wrote a row, when, and how often."""

    revision: int = Field(default=1, sa_type=BigInteger)
    """Counted up by every change, under the lock of the project."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))
    created_by_id: int
    updated_by_id: int


class Project(Stamped, table=True):
    """What a team tests. Its row is the lock of everything in it: the writes of a project are one after another."""

    __tablename__ = "project"

    id: int = Field(default=None, sa_column=Column(Integer, Identity(always=True), primary_key=True))
    name: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    variables: dict[str, Any] = Field(sa_type=JSON)
    egress_allow: list[str] = Field(sa_type=ARRAY(Text))
    default_environment_id: int | None = None
    """The one truth about which environment is the default."""
    case_count: int = 0
    """Kept, so that a list can tell its total without counting."""
    deleted: bool = False
    """Gone for everybody; the row stays until the loop has stated the deletion of each child."""


class Environment(Stamped, table=True):
    """A named set of base URLs, headers, variables and secrets of one project."""

    __tablename__ = "environment"

    id: int = Field(default=None, sa_column=Column(Integer, Identity(always=True), primary_key=True))
    project_id: int = Field(foreign_key="project.id", index=True)
    name: str = Field(sa_type=Text)
    base_urls: dict[str, str] = Field(sa_type=JSON)
    headers: dict[str, str] = Field(sa_type=JSON)
    variables: dict[str, Any] = Field(sa_type=JSON)
    verify_tls: bool
    proxy: str | None = Field(default=None, sa_type=Text)
    ca_bundle: str | None = Field(default=None, sa_type=Text)
    client_certificate: str | None = Field(default=None, sa_type=Text)
    client_key: str | None = Field(default=None, sa_type=Text)
    """Name of the secret that holds it."""


class Secret(Base, table=True):
    """A secret of an environment, encrypted (`kit/crypto.py`)."""

    __tablename__ = "secret"

    environment_id: int = Field(foreign_key="environment.id", ondelete="CASCADE", primary_key=True)
    name: str = Field(sa_type=Text, primary_key=True)
    value: str = Field(sa_type=Text)
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


class Module(Stamped, table=True):
    """A folder of cases; a tree per project."""

    __tablename__ = "module"
    __table_args__ = (Index(None, "project_id", "parent_id", "rank"),)

    id: int = Field(default=None, sa_column=Column(Integer, Identity(always=True), primary_key=True))
    project_id: int = Field(foreign_key="project.id")
    parent_id: int | None = Field(default=None, foreign_key="module.id", index=True)
    name: str = Field(sa_type=Text)
    rank: int = Field(sa_type=BigInteger)
    """Order among siblings, with gaps, so that a move changes no other module."""
    case_count: int = 0
    """Cases that lie directly in it; kept, so that a list can tell its total without counting."""


class Case(Stamped, table=True):
    """A case as it is now; its documents are in `case_revision`."""

    __tablename__ = "case"
    __table_args__ = (
        Index(None, "name", "id"),
        Index(None, "updated_at", "id"),
        Index(None, "project_id", "id"),
        Index(None, "project_id", "name", "id"),
        Index(None, "project_id", "updated_at", "id"),
        Index(None, "module_id", "id"),
        Index(None, "module_id", "name", "id"),
        Index(None, "module_id", "updated_at", "id"),
        Index(None, "tags", postgresql_using="gin"),
        Index(None, "grams", postgresql_using="gin"),
    )

    id: int = Field(default=None, sa_column=Column(Integer, Identity(always=True), primary_key=True))
    project_id: int = Field(foreign_key="project.id")
    module_id: int = Field(foreign_key="module.id")
    name: str = Field(sa_type=Text)
    folded_name: str = Field(sa_type=Text)
    """The name in the one letter case that searches use."""
    grams: list[str] = Field(sa_type=ARRAY(Text))
    """The grams of `folded_name` (`kit/grams.py`): the index of a search for any part of it."""
    tags: list[str] = Field(sa_type=ARRAY(Text))
    step_count: int


class CaseRevision(Base, table=True):
    """A case as one change left it. Never updated."""

    __tablename__ = "case_revision"

    case_id: int = Field(foreign_key="case.id", ondelete="CASCADE", primary_key=True)
    revision: int = Field(sa_type=BigInteger, primary_key=True)
    module_id: int
    document: dict[str, Any] = Field(sa_type=JSON)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    created_by_id: int


class CaseCall(Base, table=True):
    """That a case calls another one."""

    __tablename__ = "case_call"

    case_id: int = Field(foreign_key="case.id", ondelete="CASCADE", primary_key=True)
    called_id: int = Field(foreign_key="case.id", primary_key=True, index=True)
