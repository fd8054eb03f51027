"""What the notifier does on the events of others."""

from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.auth import UserChanged
from contracts.catalog import ProjectChanged
from contracts.executor import RunCompleted
from kit.consume import Consumer
from services.notifier.db import database
from services.notifier.usecases import telling

consumer = Consumer(database)


@consumer.on(RunCompleted)
async def on_run_completed(event: RunCompleted, session: AsyncSession) -> None:
    """Tell the owners and the channels."""
    await telling.tell(session, event)


@consumer.on(UserChanged)
async def on_user_changed(event: UserChanged, session: AsyncSession) -> None:
    """Keep who the user is, how to reach the user, and what the user wants."""
    await telling.keep_owner(session, event)


@consumer.on(ProjectChanged)
async def on_project_changed(event: ProjectChanged, session: AsyncSession) -> None:
    """Keep the project's name."""
    await telling.keep_project(session, event)
