"""What auth does on the events of others."""

from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.catalog import ProjectChanged
from kit.consume import Consumer
from services.auth.db import database
from services.auth.usecases import memberships

consumer = Consumer(database)


@consumer.on(ProjectChanged)
async def on_project_changed(event: ProjectChanged, session: AsyncSession) -> None:
    """Keep the project's name; a deleted project loses its members."""
    await memberships.keep_project(session, event)
