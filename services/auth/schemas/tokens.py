"""API tokens."""

from pydantic import BaseModel, Field

from kit.http import Body, Page
from services.auth.schemas.fields import GivenName, GivenPassword, Instant, Message, Name, Scope, example, page_example

TOKEN = {
    "id": 4,
    "name": "CI",
    "scopes": ["read", "run"],
    "created": "2025-08-26T15:00:00",
    "created_utc": "2025-08-26T07:00:00Z",
    "expires_at": "2027-01-01T00:00:00",
    "expires_at_utc": "2026-12-31T16:00:00Z",
}


class TokenCreate(Body):
    """A new API token. A name and its password may stand in place of a session, which they do not end."""

    model_config = example({"name": "CI", "scopes": ["read", "run"], "expires_at": "2027-01-01T00:00:00"})

    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=3)
    expires_at: Instant
    """Naive in the platform's zone, or with an offset."""
    username: GivenName | None = None
    password: GivenPassword | None = None


class TokenRead(BaseModel):
    """An API token; its text is shown when it is made, and never again."""

    model_config = example(TOKEN)

    id: int
    name: str
    scopes: list[str]
    created: str
    created_utc: str
    expires_at: str
    expires_at_utc: str


class TokenMade(TokenRead, Message):
    """A new API token with its text, shown this once."""

    model_config = example(
        {"msg": "API Token 创建成功", "token": "rnd_Jx0cV4u5nT3k9QbYw1m7e2LrA8sD6fGhZpXoCiUyTqE", **TOKEN}
    )

    token: str


class TokenPage(Page[TokenRead], Message):
    """A page of the caller's API tokens."""

    model_config = page_example(TOKEN)
