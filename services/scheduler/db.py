"""The scheduler's schema."""

from typing import Annotated

from fastapi import Depends
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import caller
from kit.db import Database

database = Database("scheduler")
caller.user_replica_tables(database.metadata)

Session = Annotated[AsyncSession, Depends(database.session, scope="function")]

authenticator = caller.Authenticator(database)
Caller = Annotated[caller.Caller, caller.authentication(authenticator.find)]
Runner = Annotated[caller.Caller, caller.authentication(authenticator.find, scope="run")]
"""A caller whose API token may run things."""
Reader = Annotated[caller.Caller, caller.authentication(authenticator.find, scope="read")]
"""Who reads by a method that is not GET."""
