"""What the executor does on the events of others."""

from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.auth import UserChanged
from contracts.catalog import CaseChanged, EnvironmentChanged, ProjectChanged
from contracts.scheduler import TaskDue
from kit.caller import keep_user
from kit.consume import Consumer
from services.executor.db import database
from services.executor.usecases import replicas, runs

consumer = Consumer(database)


@consumer.on(TaskDue)
async def on_task_due(event: TaskDue, session: AsyncSession) -> None:
    """Write the run and its case runs; workers do the rest."""
    await runs.create_run_of_task(session, event)


@consumer.on(UserChanged)
async def on_user_changed(event: UserChanged, session: AsyncSession) -> None:
    """Keep who may do what."""
    await keep_user(session, event)


@consumer.on(ProjectChanged)
async def on_project_changed(event: ProjectChanged, session: AsyncSession) -> None:
    """Keep the project's name, variables and networks."""
    await replicas.keep_project(session, event)


@consumer.on(EnvironmentChanged)
async def on_environment_changed(event: EnvironmentChanged, session: AsyncSession) -> None:
    """Keep what cases run against."""
    await replicas.keep_environment(session, event)


@consumer.on(CaseChanged)
async def on_case_changed(event: CaseChanged, session: AsyncSession) -> None:
    """Keep what is run."""
    await replicas.keep_case(session, event)
