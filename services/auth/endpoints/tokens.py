"""API tokens: the keys of machines."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

import kit.caller
from kit.clock import naive_text, utc_text
from kit.errors import FieldFault, MissingParameter
from kit.http import PagingQuery
from kit.messages import N_, translate
from kit.settings import settings
from services.auth import queries
from services.auth.db import Session
from services.auth.endpoints.callers import Caller, caller_with_any_scope, try_password
from services.auth.errors import LoginFailed
from services.auth.models import Token
from services.auth.schemas.fields import Id, Message
from services.auth.schemas.tokens import TokenCreate, TokenMade, TokenPage, TokenRead
from services.auth.usecases import tokens
from services.auth.usecases.attempts import Attempt

router = APIRouter(prefix="/user", tags=["API tokens"])


async def _maker(new: TokenCreate, request: Request) -> kit.caller.Caller | Attempt:
    """Who makes a token: the caller of a session, or who gives name and password."""
    if new.username is None and new.password is None:
        return await caller_with_any_scope(request)
    if new.username is None or new.password is None:
        raise MissingParameter(errors=[FieldFault("username" if new.username is None else "password", "missing")])
    attempt, right = await try_password(request, new.username, new.password)
    if not right:
        raise LoginFailed
    return attempt


@router.post("/tokens", summary="Create an API token", openapi_extra={"security": [{}, {"Token": []}]})
async def create_token(
    new: TokenCreate, maker: Annotated[kit.caller.Caller | Attempt, Depends(_maker)], session: Session
) -> TokenMade:
    """Make a named key with scopes and an end, shown this once; by a session, or by `username` and `password`.

    `read` lets it read, `run` run and cancel cases, `write` do the rest. A user has at most 100.
    """
    token, text = await tokens.create_api_token(session, maker, new)
    return TokenMade(msg=translate(N_("API token created")), token=text, **_shown(token))


@router.get("/tokens", summary="List the own API tokens")
async def list_tokens(caller: Caller, session: Session, paging: PagingQuery) -> TokenPage:
    """The caller's API tokens that have not expired, newest first."""
    found = await queries.api_tokens(session, caller.user_id)
    shown = [TokenRead(**_shown(token)) for token in found[paging.offset : paging.offset + paging.page_size]]
    return TokenPage(msg=translate(N_("Done")), total=len(found), **paging.model_dump(), data=shown)


@router.delete("/tokens", summary="Delete an API token")
async def delete_token(id: Annotated[Id, Query(examples=[5])], caller: Caller, session: Session) -> Message:
    """Delete one of the caller's API tokens; it is refused from now on."""
    await tokens.delete_api_token(session, caller, id)
    return Message(msg=translate(N_("API token deleted")))


def _shown(token: Token) -> dict[str, Any]:
    zone = settings().zone
    return {
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes,
        "created": naive_text(token.created_at, zone),
        "created_utc": utc_text(token.created_at),
        "expires_at": naive_text(token.expires_at, zone),
        "expires_at_utc": utc_text(token.expires_at),
    }
