"""The executor's schema, and the two things that endpoints ask for by their type: a transaction and a caller."""

from typing import Annotated

from fastapi import Depends
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import caller
from kit.caller import Authenticator, authentication, user_replica_tables
from kit.db import Database

database = Database("executor")
user_replica_tables(database.metadata)
authenticator = Authenticator(database)

Session = Annotated[AsyncSession, Depends(database.session, scope="function")]
Caller = Annotated[caller.Caller, authentication(authenticator.find)]
Reader = Annotated[caller.Caller, authentication(authenticator.find, "read")]
"""Who reads by a method that is not GET."""
Runner = Annotated[caller.Caller, authentication(authenticator.find, "run")]
"""Who runs, cancels or runs again; an API token needs the scope `run`."""
