"""The schema `catalog`, and the two dependencies that every endpoint starts from."""

from typing import Annotated

from fastapi import Depends
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import caller
from kit.caller import Authenticator, authentication, user_replica_tables
from kit.db import Database

database = Database("catalog")
user_replica_tables(database.metadata)
authenticator = Authenticator(database)

Session = Annotated[AsyncSession, Depends(database.session, scope="function")]
logged_in = authentication(authenticator.find)
reading = authentication(authenticator.find, "read")
"""For a POST that writes nothing."""
Caller = Annotated[caller.Caller, logged_in]
