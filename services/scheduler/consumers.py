"""What the scheduler does on events of other services."""

from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.auth import UserChanged
from contracts.catalog import CaseChanged, EnvironmentChanged, ModuleChanged, ProjectChanged
from contracts.executor import RunCompleted, RunStarted
from kit.consume import Consumer
from services.scheduler.db import database
from services.scheduler.usecases import ending, replicas

consumer = Consumer(database)


@consumer.on(RunStarted)
async def on_run_started(event: RunStarted, session: AsyncSession) -> None:
    """Note in the ledger that the run has begun."""
    await ending.run_started(session, event)


@consumer.on(RunCompleted)
async def on_run_completed(event: RunCompleted, session: AsyncSession) -> None:
    """Try again, or give the task its outcome."""
    await ending.run_completed(session, event)


@consumer.on(UserChanged)
async def on_user_changed(event: UserChanged, session: AsyncSession) -> None:
    """Keep who the user is and what the user may do."""
    await replicas.keep(session, event)


@consumer.on(ProjectChanged)
async def on_project_changed(event: ProjectChanged, session: AsyncSession) -> None:
    """Keep the project's name and default environment."""
    await replicas.keep(session, event)


@consumer.on(EnvironmentChanged)
async def on_environment_changed(event: EnvironmentChanged, session: AsyncSession) -> None:
    """Keep the environment's name and project."""
    await replicas.keep(session, event)


@consumer.on(ModuleChanged)
async def on_module_changed(event: ModuleChanged, session: AsyncSession) -> None:
    """Keep the module's name and its place in the tree."""
    await replicas.keep(session, event)


@consumer.on(CaseChanged)
async def on_case_changed(event: CaseChanged, session: AsyncSession) -> None:
    """Keep the case's name, place, tags and revision."""
    await replicas.keep(session, event)
