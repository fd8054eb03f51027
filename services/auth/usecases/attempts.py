"""Proving a password: counting attempts, locking out, forgiving.

An attempt is counted as failed before the password is looked at, and forgiven afterwards: however many come at
once, no more are looked at than may fail.
"""

import logging
from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import clock
from services.auth import queries, rules
from services.auth.errors import TooManyAttempts
from services.auth.models import NO_NAME, LoginFailure
from services.auth.rules import FAILURES_OF_ADDRESS, FAILURES_OF_NAME, Failures
from services.auth.usecases import audit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """Someone who says to be a user. Without a hash nobody of that name may enter, and no password is right."""

    username: str
    address: str
    user_id: int | None
    password_hash: str | None


async def begin_attempt(session: AsyncSession, username: str, address: str) -> Attempt:
    """Count an attempt of a name from an address as failed.

    Raises: TooManyAttempts (the pair or the address is locked).
    """
    now = await clock.now(session)
    of_address = await _locked_row(session, NO_NAME, address)
    of_name = await _locked_row(session, username, address)
    if seconds := max(rules.seconds_locked(_failures(row), now) for row in (of_name, of_address)):
        raise TooManyAttempts(seconds)
    _keep(of_name, rules.after_failure(_failures(of_name), now, FAILURES_OF_NAME))
    user = await queries.live_user_named(session, username)
    if user is None or not user.is_active:
        return Attempt(username, address, None, None)
    return Attempt(username, address, user.id, user.password_hash)


async def refuse_attempt(session: AsyncSession, attempt: Attempt) -> None:
    """Count a failure for the address as a whole, and write it down."""
    now = await clock.now(session)
    of_address = await _locked_row(session, NO_NAME, attempt.address)
    _keep(of_address, rules.after_failure(_failures(of_address), now, FAILURES_OF_ADDRESS))
    about = ("user", attempt.user_id, attempt.username if attempt.user_id else "")
    audit.note(session, None, "session.refused", about, address=attempt.address)
    log.info("a log-in from %s was refused, user id %s", attempt.address, attempt.user_id)


async def forgive_attempts(session: AsyncSession, attempt: Attempt) -> None:
    """Clear the count of the name from this address: its password was right."""
    await session.execute(
        delete(LoginFailure).where(
            col(LoginFailure.username) == attempt.username, col(LoginFailure.address) == attempt.address
        ),
    )


async def _locked_row(session: AsyncSession, username: str, address: str) -> LoginFailure:
    new = insert(LoginFailure).values(username=username, address=address, failed_at=[], locks=0)
    kept = new.on_conflict_do_update(index_elements=["username", "address"], set_={"locks": LoginFailure.locks})
    row: LoginFailure = (await session.execute(kept.returning(LoginFailure))).scalar_one()
    return row


def _failures(row: LoginFailure) -> Failures:
    return Failures(tuple(row.failed_at), row.locks, row.locked_until)


def _keep(row: LoginFailure, failures: Failures) -> None:
    row.failed_at, row.locks, row.locked_until = list(failures.failed_at), failures.locks, failures.locked_until
