"""What services ask each other."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from contracts.auth import UserChanged
from kit.http import Body
from services.auth.schemas.fields import Id


class Ids(Body):
    """Which objects are meant."""

    ids: list[Id] = Field(max_length=10_000)


class UsersFound(BaseModel):
    """Whole states, the deleted ones too; ids of nobody are left out."""

    users: list[UserChanged]


class TokenHash(Body):
    """Which token is meant, by its sha256 in hexadecimal."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class UserOfToken(BaseModel):
    """The user of a valid token."""

    user: UserChanged


class TokenRefused(BaseModel):
    """Why a token is not valid."""

    reason: str
    replaced_at: str | None = None
