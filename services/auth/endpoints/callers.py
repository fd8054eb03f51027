"""Who calls: by token, or by proving a password."""

from typing import Annotated

from fastapi import Depends, Request

import kit.caller
from kit.caller import authentication, token_hash
from kit.errors import MustChangePassword
from kit.settings import settings
from services.auth import rules
from services.auth.db import database
from services.auth.queries import find_caller
from services.auth.usecases import passwords
from services.auth.usecases.attempts import Attempt, begin_attempt, refuse_attempt

Caller = Annotated[kit.caller.Caller, authentication(find_caller)]
CallerBeforePasswordChange = Annotated[kit.caller.Caller, authentication(find_caller, before_password_change=True)]


async def _superuser(caller: Caller) -> kit.caller.Caller:
    caller.require_superuser()
    return caller


Superuser = Annotated[kit.caller.Caller, Depends(_superuser)]


async def caller_with_any_scope(request: Request) -> kit.caller.Caller:
    """The caller of a token, whatever the token may be used for.

    Raises: NotAuthenticated, MustChangePassword.
    """
    caller = await find_caller(token_hash(request))
    if caller.must_change_password:
        raise MustChangePassword
    return caller


CallerWithAnyScope = Annotated[kit.caller.Caller, Depends(caller_with_any_scope)]


async def try_password(request: Request, username: str, password: str) -> tuple[Attempt, bool]:
    """Whether this is the password of a user of this name who may enter; as slow for a no as for a yes.

    What it writes stands in transactions of its own, since it must outlive the refusal.

    Raises: TooManyAttempts.
    """
    peer = request.client.host if request.client else ""
    forwarded_for = request.headers.getlist("x-forwarded-for")
    address = rules.client_address(peer, forwarded_for, settings().trusted_proxies)
    async with database.transaction() as session:
        attempt = await begin_attempt(session, username, address)
    right = await passwords.matches(attempt.password_hash, password)
    if not right:
        async with database.transaction() as session:
            await refuse_attempt(session, attempt)
    return attempt, right
