"""The part of a document that says what is sent: URL, headers, authentication, body, limits.

Public: `Request`, `Body` (its `kind`), `Auth`, `RequestOptions`, `StepOptions`, `Retry`.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, model_validator

from caselang.faults import refusal
from caselang.template import is_template
from caselang.values import Json, Model, Pairs, Text, check_word, word

MAX_WAIT_MS = 600_000
"""The longest wait, interval and timeout of a step."""
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _header_texts(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    for name, value in pairs:
        if not is_template(name) and not _HEADER_NAME.fullmatch(name):
            raise refusal("bad_format", f"{name[:40]!r} is no name of a header")
        if any(char in value for char in "\r\n"):
            raise refusal("bad_format", f"the header {name[:40]!r} breaks its line")
    return pairs


def _url(text: str) -> str:
    if not is_template(text) and not text.lower().startswith(("http://", "https://")):
        raise refusal("bad_format", "a URL begins with http://, https:// or a variable such as {{base_url}}")
    return text


class BearerAuth(Model):
    """`Authorization: Bearer …`."""

    type: Annotated[Literal["bearer"], word("auth")]
    token: Text


class BasicAuth(Model):
    """`Authorization: Basic …`."""

    type: Annotated[Literal["basic"], word("auth")]
    username: Text
    password: Text


class ApiKeyAuth(Model):
    """A key in a header or in the query."""

    type: Annotated[Literal["api_key"], word("auth")]
    place: Literal["header", "query"] = Field(alias="in")
    name: Text
    value: Text


class ClientCredentialsAuth(Model):
    """OAuth 2.0 client credentials: a token is fetched and kept for the case run."""

    type: Annotated[Literal["oauth2_client_credentials"], word("auth")]
    token_url: Text
    client_id: Text
    client_secret: Text
    scope: Text | None = None


Auth = Annotated[BearerAuth | BasicAuth | ApiKeyAuth | ClientCredentialsAuth, Field(discriminator="type")]


class Part(Model):
    """A part of a multipart body: a text, or bytes in base64."""

    name: Text
    text: Text | None = None
    base64: Text | None = None
    filename: Text | None = None
    content_type: Text | None = None

    @model_validator(mode="after")
    def _one_content(self) -> "Part":
        if (self.text is None) == (self.base64 is None):
            raise refusal("bad_format", "a part has either text or base64")
        return self


class GraphQL(Model):
    """A GraphQL request, sent as JSON."""

    query: Text
    variables: dict[str, Json] = Field(default_factory=dict)
    operation_name: Text | None = None


class Body(Model):
    """Exactly one of the ways to write a body; `kind` says which."""

    json_: Json = Field(default=None, alias="json")
    text: Text | None = None
    form: Pairs | None = None
    multipart: list[Part] | None = None
    graphql: GraphQL | None = None

    @property
    def kind(self) -> str:
        """The word of the body: json, text, form, multipart or graphql."""
        return next(iter(self.model_fields_set)).removesuffix("_")

    @model_validator(mode="after")
    def _one_kind(self, info: ValidationInfo) -> "Body":
        if len(self.model_fields_set) != 1:
            raise refusal("bad_format", "a body is exactly one of json, text, form, multipart, graphql")
        if self.kind != "json" and getattr(self, self.kind) is None:
            raise refusal("wrong_type", f"the body {self.kind!r} is null", self.kind)
        check_word("body", self.kind, info, self.kind)
        return self


class Request(Model):
    """An HTTP request."""

    method: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,20}$")] = "GET"
    url: Annotated[Text, StringConstraints(min_length=1, max_length=8_192), AfterValidator(_url)]
    headers: Annotated[Pairs, AfterValidator(_header_texts)] = Field(default_factory=list)
    query: Pairs = Field(default_factory=list)
    auth: Auth | None = None
    body: Body | None = None


class Retry(Model):
    """Try again: `max` counts the tries after the first; each interval is `backoff` times the one before."""

    max: Annotated[int, Field(ge=0, le=100)] = 0
    interval_ms: Annotated[int, Field(ge=0, le=MAX_WAIT_MS)] = 1_000
    backoff: Annotated[float, Field(ge=1, le=10)] = 1.0


class StepOptions(Model):
    """Limits of one step."""

    timeout_ms: Annotated[int, Field(ge=1, le=MAX_WAIT_MS)] = 10_000
    retry: Retry = Retry()


class RequestOptions(StepOptions):
    """Limits of a request, and how it is sent; `verify_tls` not given: the environment's."""

    follow_redirects: bool = True
    max_redirects: Annotated[int, Field(ge=0, le=50)] = 10
    verify_tls: bool | None = None
