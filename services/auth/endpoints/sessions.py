"""Logging in and out, and what a client or a gateway asks about a token."""

from importlib.metadata import version
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from kit.clock import naive_text, utc_text
from kit.messages import LANGUAGES, N_, translate
from kit.settings import settings
from services.auth import queries
from services.auth.db import Session, database
from services.auth.endpoints.callers import (
    Caller,
    CallerBeforePasswordChange,
    CallerWithAnyScope,
    caller_with_any_scope,
    try_password,
)
from services.auth.errors import LoginFailed
from services.auth.rules import MIN_PASSWORD_LENGTH
from services.auth.schemas.fields import Message
from services.auth.schemas.sessions import (
    LoggedIn,
    Login,
    PasswordChange,
    PasswordRules,
    Platform,
    Retention,
    UserInfo,
    Verified,
)
from services.auth.settings import auth_settings
from services.auth.usecases import tokens, users
from services.auth.usecases.attempts import Attempt, forgive_attempts

router = APIRouter(prefix="/user", tags=["log-in"])


async def _proved(login: Login, request: Request) -> Attempt:
    attempt, right = await try_password(request, login.username, login.password)
    if not right:
        raise LoginFailed
    return attempt


@router.post("/login", summary="Log in")
async def log_in(proved: Annotated[Attempt, Depends(_proved)], session: Session) -> LoggedIn:
    """Begin a session of 24 hours. It ends the one before: a user has one live session.

    An unknown name, a wrong password and a disabled account are one answer, `login_failed`. Five failures of a name
    from an address within 15 minutes lock the pair for a minute, doubling up to 15 (`too_many_attempts`).
    """
    user, token, expires_at = await tokens.log_in(session, proved)
    return LoggedIn(
        msg=translate(N_("Logged in!")),
        token=token,
        user_info=UserInfo(
            id=user.id,
            username=user.username,
            name=user.real_name,
            is_superuser=user.is_superuser,
            must_change_password=user.must_change_password,
        ),
        expires_at=naive_text(expires_at, settings().zone),
        expires_at_utc=utc_text(expires_at),
    )


@router.post("/logout", summary="Log out")
async def log_out(caller: Caller, session: Session) -> Message:
    """Delete the token that the request came with."""
    await tokens.log_out(session, caller)
    return Message(msg=translate(N_("Logged out")))


async def _old_password(
    change: PasswordChange, caller: CallerBeforePasswordChange, request: Request
) -> tuple[Attempt, bool]:
    attempt, right = await try_password(request, caller.username, change.old_password)
    if right:  # in a transaction of its own: who typed it right has not failed, whatever becomes of the new password
        async with database.transaction() as session:
            await forgive_attempts(session, attempt)
    return attempt, right


@router.post("/change-password", summary="Change the own password")
async def change_password(
    change: PasswordChange,
    caller: CallerBeforePasswordChange,
    old_password: Annotated[tuple[Attempt, bool], Depends(_old_password)],
    session: Session,
) -> Message:
    """Set a new password of at least 8 characters, not the default one, and end the session.

    The one call that a user may make who must change the password first.
    """
    attempt, right = old_password
    await users.change_password(session, caller, attempt, change.password, proved=right)
    return Message(msg=translate(N_("Password changed, please log in again")))


@router.get("/verify", summary="Verify a token, for a gateway", openapi_extra={"security": [{"Token": []}]})
async def verify(caller: CallerWithAnyScope, response: Response) -> Verified:
    """Whose token this is: also as the header `X-Rounds-User`, the username percent-encoded.

    For nginx `auth_request`, Envoy `ext_authz`, Traefik `ForwardAuth`. Any scope will do.
    """
    response.headers["X-Rounds-User"] = quote(caller.username)
    return Verified(
        msg=translate(N_("Done")),
        user_id=caller.user_id,
        username=caller.username,
        is_superuser=caller.is_superuser,
        scopes=sorted(caller.scopes),
    )


@router.get("/platform", summary="What a client wants to know first", openapi_extra={"security": [{}, {"Token": []}]})
async def platform(request: Request, session: Session) -> Platform:
    """Version, time zone, languages, password rules; with a token also whether mail is configured, and retention."""
    known = "authorization" in request.headers and await caller_with_any_scope(request)
    own = auth_settings()
    first = await queries.first_superuser(session)
    return Platform(
        msg=translate(N_("Done")),
        version=version("rounds"),
        timezone=settings().timezone,
        languages=list(LANGUAGES),
        password_rules=PasswordRules(min_length=MIN_PASSWORD_LENGTH, not_default=True),
        first_run=first is None or first.must_change_password,
        mail_configured=settings().smtp_url is not None if known else None,
        retention=Retention(
            steps_days=own.keep_steps_days,
            runs_days=own.keep_runs_days,
            deliveries_days=own.keep_deliveries_days,
            audit_days=own.keep_audit_days,
        )
        if known
        else None,
    )
