"""Users: making, changing and deleting them, and stating what they are."""

import logging
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.auth import NotifySettings, UserSettings
from kit import clock
from kit.caller import Caller
from kit.errors import FieldFault, InvalidParameter, PermissionDenied
from kit.outbox import publish
from services.auth import queries, rules
from services.auth.models import Membership, Token, User
from services.auth.schemas.users import SettingsUpdate, UserCreate, UserUpdate
from services.auth.settings import auth_settings
from services.auth.usecases import audit, passwords
from services.auth.usecases.attempts import Attempt

log = logging.getLogger(__name__)

FIRST_SUPERUSER = "admin"
FIRST_SETTINGS = UserSettings(
    environments={}, failed_stop=True, only_failed_log=False, language="zh", notify=NotifySettings(email=True)
)


async def state(session: AsyncSession, users: Sequence[User]) -> None:
    """Count the revision of locked users and state what they are now."""
    for user in users:
        user.revision += 1
    await session.flush()
    await publish(session, *await queries.user_states(session, users))


async def create_first_superuser(session: AsyncSession) -> str | None:
    """Make the user `admin` at the first start; answers the password that was made up, None when none was."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('rounds.first_superuser'))"))
    if await queries.first_superuser(session) is not None:
        return None
    given = auth_settings().admin_password
    password = given.get_secret_value() if given else secrets.token_urlsafe(12)
    user = User(
        username=FIRST_SUPERUSER,
        real_name=FIRST_SUPERUSER,
        password_hash=await passwords.hash_of(password),
        is_superuser=True,
        is_first=True,
        must_change_password=given is None,
        settings=FIRST_SETTINGS.model_dump(mode="json"),
        revision=0,
    )
    session.add(user)
    await state(session, [user])
    log.info("the first superuser is made, user id %d", user.id)
    return None if given else password


async def create_user(session: AsyncSession, caller: Caller, new: UserCreate) -> User:
    """Save a new user.

    Raises: InvalidParameter (`duplicate`: the name is taken).
    """
    password_hash, must_change = await _password(new.password)
    user = User(
        username=new.username,
        real_name=new.real_name or new.username,
        email=new.email,
        password_hash=password_hash,
        is_superuser=new.is_superuser,
        must_change_password=must_change,
        settings=FIRST_SETTINGS.model_dump(mode="json"),
        revision=0,
    )
    session.add(user)
    await _flush_name(session)
    await state(session, [user])
    audit.note(session, caller, "user.created", about(user), after={**_shown(user), "password": audit.MASKED})
    log.info("user %d made by user %d", user.id, caller.user_id)
    return user


async def update_user(session: AsyncSession, caller: Caller, change: UserUpdate) -> User:
    """Change what is given of a user. A new password, or disabling the user, ends the session.

    Raises: NotFound, PermissionDenied (of the first superuser: another name, disabled, or without the right),
    InvalidParameter (`duplicate`).
    """
    given = change.model_dump(exclude_unset=True, exclude={"id", "password"})
    new_password = "password" in change.model_fields_set
    if new_password:
        password_hash, must_change = await _password(change.password)
    user = await queries.user_for_update(session, change.id)
    fixed = {"username": user.username, "is_active": True, "is_superuser": True}
    if user.is_first and any(given.get(name, value) != value for name, value in fixed.items()):
        raise PermissionDenied

    before, user.updated_at = _shown(user), await clock.now(session)
    for name, value in given.items():
        setattr(user, name, value)
    await _flush_name(session)
    if new_password:
        user.password_hash, user.must_change_password = password_hash, must_change
    if new_password or not user.is_active:
        await _end_sessions(session, user.id)
    await state(session, [user])
    old, new = audit.difference(before, _shown(user))
    masked = {"password": audit.MASKED} if new_password else {}
    audit.note(session, caller, "user.updated", about(user), before=old, after={**new, **masked})
    log.info("user %d changed by user %d", user.id, caller.user_id)
    return user


async def delete_user(session: AsyncSession, caller: Caller, user_id: int) -> None:
    """Delete a user with tokens and memberships; id and names stay, for what names them.

    Raises: NotFound, PermissionDenied (oneself, or the first superuser).
    """
    user = await queries.user_for_update(session, user_id)
    if user.is_first or user.id == caller.user_id:
        raise PermissionDenied
    before = _shown(user)
    user.deleted, user.email, user.password_hash = True, "", ""
    user.updated_at = await clock.now(session)
    for table in (Token, Membership):
        await session.execute(delete(table).where(col(table.user_id) == user.id))
    await state(session, [user])
    audit.note(session, caller, "user.deleted", about(user), before=before)
    log.info("user %d deleted by user %d", user.id, caller.user_id)


async def change_password(
    session: AsyncSession, caller: Caller, attempt: Attempt, password: str, *, proved: bool
) -> None:
    """Change the caller's own password, which ends the session. `proved`: the old password was right.

    Raises: InvalidParameter (`old_password`: `wrong`; `password`: too short, or the default one).
    """
    fault = rules.password_fault(password, auth_settings().default_password.get_secret_value())
    password_hash = "" if fault else await passwords.hash_of(password)
    user = await queries.user_for_update(session, caller.user_id)
    faults = [] if proved and user.password_hash == attempt.password_hash else [FieldFault("old_password", "wrong")]
    if fault:
        faults.append(FieldFault("password", fault))
    if faults:
        raise InvalidParameter(errors=faults)
    user.password_hash, user.must_change_password = password_hash, False
    user.updated_at = await clock.now(session)
    await _end_sessions(session, user.id)
    await state(session, [user])
    audit.note(session, caller, "user.password_changed", about(user), after={"password": audit.MASKED})
    log.info("user %d changed the password", user.id)


async def change_settings(session: AsyncSession, caller: Caller, change: SettingsUpdate) -> dict[str, Any]:
    """Change what is given of the caller's own settings; answers all of them."""
    user = await queries.user_for_update(session, caller.user_id)
    before, after = user.settings, {**user.settings, **change.model_dump(exclude_unset=True)}
    if before != after:
        user.settings = after
        await state(session, [user])
        old, new = audit.difference(before, after)
        audit.note(session, caller, "user.settings_changed", about(user), before=old, after=new)
    return after


def about(user: User) -> tuple[str, int | None, str]:
    """A user as the object of an audit entry."""
    return ("user", user.id, user.username)


async def _password(given: str | None) -> tuple[str, bool]:
    """The hash of what a superuser gives, and whether its user must change it: the default one, or a short one."""
    default = auth_settings().default_password.get_secret_value()
    password = default if given is None else given
    return await passwords.hash_of(password), rules.password_fault(password, default) is not None


async def _flush_name(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise InvalidParameter(errors=[FieldFault("username", "duplicate")]) from error


async def _end_sessions(session: AsyncSession, user_id: int) -> None:
    await session.execute(delete(Token).where(col(Token.user_id) == user_id, col(Token.kind) == "session"))


def _shown(user: User) -> dict[str, Any]:
    """What the audit tells of a user."""
    return user.model_dump(include={"username", "real_name", "email", "is_active", "is_superuser"})
