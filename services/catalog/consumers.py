"""What the catalog does on the events of others."""

from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.auth import UserChanged
from kit.caller import keep_user
from kit.consume import Consumer
from services.catalog.db import database

consumer = Consumer(database)


@consumer.on(UserChanged)
async def on_user_changed(event: UserChanged, session: AsyncSession) -> None:
    """Keep who the users are, what they may write and which tokens are theirs."""
    await keep_user(session, event)
