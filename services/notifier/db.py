"""The notifier's schema, and who is calling."""

from typing import Annotated

from fastapi import Depends
from sqlmodel.ext.asyncio.session import AsyncSession

import kit.caller
from kit.caller import Authenticator, authentication, user_replica_tables
from kit.db import Database

database = Database("notifier")
user_replica_tables(database.metadata)
authenticator = Authenticator(database)

Session = Annotated[AsyncSession, Depends(database.session, scope="function")]
Caller = Annotated[kit.caller.Caller, authentication(authenticator.find)]
