"""The types that bodies and answers share."""

import ipaddress
import re
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from cryptography import x509
from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from caselang.template import NAME_PATTERN
from kit.http import FaultReason, storable
from kit.tables import MAX_ID

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
"""A header's name (RFC 9110)."""


def _not_blank(text: str) -> str:
    if not text.strip():
        raise FaultReason("bad_format")
    return text


def _variable_names(variables: dict[str, Any]) -> dict[str, Any]:
    if any(not re.fullmatch(NAME_PATTERN, name) or len(name) > 100 for name in variables):  # noqa: PLR2004
        raise FaultReason("bad_format")
    return variables


def _headers(headers: dict[str, str]) -> dict[str, str]:
    if any(not TOKEN.fullmatch(name) or re.search(r"[\r\n]", value) for name, value in headers.items()):
        raise FaultReason("bad_format")
    return headers


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or re.search(r"[\s\x00-\x20]", text):
        raise FaultReason("bad_format")
    return text


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        raise FaultReason("bad_format") from error


def _certificates(text: str) -> str:
    try:
        x509.load_pem_x509_certificates(text.encode(errors="replace"))
    except ValueError as error:
        raise FaultReason("bad_format") from error
    return text


def each_once(values: list[Any]) -> list[Any]:
    """Refuse a list that repeats itself."""
    if len(set(values)) != len(values):
        raise FaultReason("repeated")
    return values


Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=1000), AfterValidator(each_once)]
PathId = Annotated[int, Path(ge=1, le=MAX_ID)]
RevisionNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_not_blank)]
VariableName = Annotated[str, StringConstraints(pattern=rf"^{NAME_PATTERN}$", max_length=100)]
Description = Annotated[str, StringConstraints(max_length=2000)]
Variables = Annotated[dict[str, JsonValue], Field(max_length=500), AfterValidator(_variable_names)]
Headers = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=8000)]],
    Field(max_length=100),
    AfterValidator(_headers),
]
Url = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_url)]
Certificates = Annotated[str, StringConstraints(max_length=200_000), AfterValidator(_certificates)]
"""One or more certificates, PEM."""
Network = Annotated[str, StringConstraints(max_length=50), AfterValidator(_network)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_not_blank)]
Document = dict[str, JsonValue]
"""A case document; what is in it is the case language's to judge."""
Search = Annotated[str | None, Query(max_length=100), AfterValidator(storable)]
Sort = Literal["id", "-id", "name", "-name", "updated_at", "-updated_at"]


class Answer(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Person(Answer):
    """A user, by id and by the name to log in with."""

    id: int
    username: str | None


class Stamps(Answer):
    """Who wrote it, when, and how often."""

    revision: int
    created_at: datetime
    updated_at: datetime
    created_by: Person
    updated_by: Person
