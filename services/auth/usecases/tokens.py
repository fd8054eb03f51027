"""Sessions and API tokens."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import clock
from kit.caller import ALL_SCOPES, Caller
from kit.errors import FieldFault, InvalidParameter, MustChangePassword, NotFound, PermissionDenied
from services.auth import queries, rules
from services.auth.errors import LoginFailed, TooManyTokens
from services.auth.models import Token, User
from services.auth.schemas.tokens import TokenCreate
from services.auth.usecases import audit, users
from services.auth.usecases.attempts import Attempt, forgive_attempts

log = logging.getLogger(__name__)

SESSION_LENGTH = timedelta(hours=24)
MAX_API_TOKENS = 100


async def log_in(session: AsyncSession, attempt: Attempt) -> tuple[User, str, datetime]:
    """Begin a session of a user whose password was right, in place of the one before.

    Answers the user, the token and when it expires.

    Raises: LoginFailed (meanwhile the user was disabled, deleted, or changed the password).
    """
    user = await _still_proved(session, attempt)
    now = await clock.now(session)
    await session.execute(
        update(Token)
        .where(col(Token.user_id) == user.id, col(Token.kind) == "session", col(Token.replaced_at).is_(None))
        .values(replaced_at=now),
    )
    token, expires_at = rules.new_token(), now + SESSION_LENGTH
    session.add(
        Token(
            sha256=rules.token_sha256(token),
            user_id=user.id,
            kind="session",
            scopes=sorted(ALL_SCOPES),
            expires_at=expires_at,
        ),
    )
    user.last_login = now
    await forgive_attempts(session, attempt)
    await users.state(session, [user])
    audit.note(session, _as_caller(user), "session.started", users.about(user), address=attempt.address)
    log.info("user %d logged in", user.id)
    return user, token, expires_at


async def log_out(session: AsyncSession, caller: Caller) -> None:
    """Delete the token that the caller came with."""
    user = await queries.user_for_update(session, caller.user_id)
    await session.execute(delete(Token).where(col(Token.sha256) == caller.credential))
    await users.state(session, [user])
    audit.note(session, caller, "session.ended", users.about(user))
    log.info("user %d logged out", user.id)


async def create_api_token(session: AsyncSession, by: Caller | Attempt, new: TokenCreate) -> tuple[Token, str]:
    """Make an API token for the caller, or for who just proved a password; answers it and its text.

    Raises: PermissionDenied (the caller came with an API token), MustChangePassword, LoginFailed, InvalidParameter
    (`not_in_future`), TooManyTokens (100 already).
    """
    if isinstance(by, Attempt):
        user = await _still_proved(session, by)
        await forgive_attempts(session, by)
    else:
        user = await queries.user_for_update(session, by.user_id)
        own = await queries.token_with_hash(session, by.credential)
        if own is None or own.kind != "session":
            raise PermissionDenied
    if user.must_change_password:
        raise MustChangePassword
    if new.expires_at <= await clock.now(session):
        raise InvalidParameter(errors=[FieldFault("expires_at", "not_in_future")])
    if len(await queries.api_tokens(session, user.id)) >= MAX_API_TOKENS:
        raise TooManyTokens
    text = rules.new_token()
    token = Token(
        sha256=rules.token_sha256(text),
        user_id=user.id,
        kind="api",
        name=new.name,
        scopes=sorted(set(new.scopes)),
        expires_at=new.expires_at,
    )
    session.add(token)
    await users.state(session, [user])
    await session.refresh(token, ["created_at"])
    after = {"user_id": user.id, "scopes": token.scopes, "expires_at": clock.utc_text(token.expires_at)}
    audit.note(session, _as_caller(user), "token.created", ("token", token.id, token.name), after=after)
    log.info("user %d made API token %d", user.id, token.id)
    return token, text


async def delete_api_token(session: AsyncSession, caller: Caller, token_id: int) -> None:
    """Delete one of the caller's API tokens.

    Raises: NotFound.
    """
    user = await queries.user_for_update(session, caller.user_id)
    token = await session.get(Token, token_id)
    if token is None or token.user_id != user.id or token.kind != "api":
        raise NotFound
    await session.delete(token)
    await users.state(session, [user])
    audit.note(session, caller, "token.deleted", ("token", token.id, token.name), before={"scopes": token.scopes})
    log.info("user %d deleted API token %d", user.id, token.id)


async def _still_proved(session: AsyncSession, attempt: Attempt) -> User:
    found = await queries.users_for_update(session, [attempt.user_id] if attempt.user_id else [])
    if not found or not found[0].is_active or found[0].password_hash != attempt.password_hash:
        raise LoginFailed
    return found[0]


def _as_caller(user: User) -> Caller:
    return Caller(user.id, user.username, user.is_superuser, frozenset())
