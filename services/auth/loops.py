"""What auth does without being asked."""

import sys

from services.auth.db import database
from services.auth.settings import auth_settings
from services.auth.usecases import purging, users

PURGE_EVERY_SECONDS = 3600.0


async def create_first_superuser() -> None:
    """At the first start make the user `admin`; a password that was made up is printed, this once, and never logged."""
    async with database.transaction() as session:
        password = await users.create_first_superuser(session)
        if password is not None:
            sys.stdout.write(f"Log in as {users.FIRST_SUPERUSER} with {password} (shown this once; to be changed)\n")
            sys.stdout.flush()


async def purge() -> float:
    """Delete what is past its time: tokens, counts of failed log-ins, audit."""
    async with database.transaction() as session:
        await purging.purge(session, auth_settings().keep_audit_days)
    return PURGE_EVERY_SECONDS
