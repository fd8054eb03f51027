"""The schema of auth, and the transaction that an endpoint asks for by its type."""

from typing import Annotated

from fastapi import Depends
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.db import Database

database = Database("auth")

Session = Annotated[AsyncSession, Depends(database.session, scope="function")]
