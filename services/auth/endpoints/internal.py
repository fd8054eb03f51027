"""What other services ask auth, to repair their replicas."""

from fastapi import APIRouter, Depends

from kit.errors import NotAuthenticated
from kit.http import service_only
from services.auth import queries
from services.auth.db import Session
from services.auth.schemas.internal import Ids, TokenHash, TokenRefused, UserOfToken, UsersFound

router = APIRouter(prefix="/internal/auth", dependencies=[Depends(service_only)], include_in_schema=False)


@router.post("/users:lookup", summary="Look up users")
async def look_up_users(wanted: Ids, session: Session) -> UsersFound:
    """The whole states of users, deleted ones too."""
    found = await queries.users_with_ids(session, wanted.ids)
    return UsersFound(users=await queries.user_states(session, found))


@router.post("/tokens:verify", summary="Verify a token", response_model_exclude_unset=True)
async def verify_token(token: TokenHash, session: Session) -> UserOfToken | TokenRefused:
    """The user of a token, or why it is refused: `unknown`, `expired`, `replaced`."""
    try:
        caller = await queries.find_caller(token.sha256)
    except NotAuthenticated as refusal:
        return TokenRefused(**refusal.extra)
    (user,) = await queries.user_states(session, await queries.users_with_ids(session, [caller.user_id]))
    return UserOfToken(user=user)
