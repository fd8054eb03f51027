"""The present state of objects, as events and as the answers to other services' look-ups."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.base import StateEvent
from contracts.catalog import CaseChanged, EnvironmentChanged, ModuleChanged, ProjectChanged
from services.catalog.models import Case, CaseRevision, Environment, Module, Project, Secret
from services.catalog.queries.projects import secrets_of
from services.catalog.rules import calls_of


def project_state(project: Project) -> ProjectChanged:
    """A project as it is stated."""
    if project.deleted:
        return ProjectChanged.of_deleted(project.id, project.revision, name=project.name)
    return ProjectChanged(
        id=project.id,
        revision=project.revision,
        deleted=False,
        name=project.name,
        description=project.description,
        variables=project.variables,
        egress_allow=project.egress_allow,
        default_environment_id=project.default_environment_id,
    )


def environment_state(project: Project, environment: Environment, secrets: Sequence[Secret]) -> EnvironmentChanged:
    """An environment as it is stated, with its secrets encrypted."""
    return EnvironmentChanged(
        id=environment.id,
        revision=environment.revision,
        deleted=False,
        project_id=environment.project_id,
        name=environment.name,
        base_urls=environment.base_urls,
        headers=environment.headers,
        variables=environment.variables,
        secrets={secret.name: secret.value for secret in secrets},
        is_default=environment.id == project.default_environment_id,
        verify_tls=environment.verify_tls,
        proxy=environment.proxy,
        ca_bundle=environment.ca_bundle,
        client_certificate=environment.client_certificate,
        client_key=environment.client_key,
    )


def module_state(module: Module) -> ModuleChanged:
    """A module as it is stated."""
    return ModuleChanged(
        id=module.id,
        revision=module.revision,
        deleted=False,
        project_id=module.project_id,
        parent_id=module.parent_id,
        name=module.name,
        position=module.rank,
    )


def case_state(case: Case, saved: CaseRevision) -> CaseChanged:
    """A case as it is stated."""
    return CaseChanged(
        id=case.id,
        revision=case.revision,
        deleted=False,
        project_id=case.project_id,
        module_id=case.module_id,
        name=case.name,
        tags=case.tags,
        document=saved.document,
        calls=sorted(calls_of(saved.document)),
        step_count=case.step_count,
    )


async def projects(session: AsyncSession, ids: Sequence[int]) -> list[ProjectChanged]:
    """The state of these projects; a deleted one says so for as long as its row is there."""
    found = await session.exec(select(Project).where(col(Project.id).in_(ids)).order_by(col(Project.id)))
    return [project_state(project) for project in found]


async def environments(session: AsyncSession, ids: Sequence[int]) -> list[EnvironmentChanged]:
    """The state of these environments, those of deleted projects left out."""
    query = (
        select(Environment, Project)
        .join(Project, col(Project.id) == Environment.project_id)
        .where(col(Environment.id).in_(ids), ~col(Project.deleted))
        .order_by(col(Environment.id))
    )
    found = (await session.exec(query)).all()
    secrets = await secrets_of(session, [environment.id for environment, _ in found])
    return [environment_state(project, environment, secrets.get(environment.id, [])) for environment, project in found]


async def modules(session: AsyncSession, ids: Sequence[int]) -> list[ModuleChanged]:
    """The state of these modules, those of deleted projects left out."""
    query = (
        select(Module)
        .join(Project, col(Project.id) == Module.project_id)
        .where(col(Module.id).in_(ids), ~col(Project.deleted))
        .order_by(col(Module.id))
    )
    return [module_state(module) for module in await session.exec(query)]


async def cases(session: AsyncSession, ids: Sequence[int]) -> list[CaseChanged]:
    """The state of these cases, those of deleted projects left out."""
    query = (
        select(Case, CaseRevision)
        .join(CaseRevision, (col(CaseRevision.case_id) == Case.id) & (col(CaseRevision.revision) == Case.revision))
        .join(Project, col(Project.id) == Case.project_id)
        .where(col(Case.id).in_(ids), ~col(Project.deleted))
        .order_by(col(Case.id))
    )
    return [case_state(case, saved) for case, saved in await session.exec(query)]


_OF_TOPIC: dict[str, tuple[Any, Callable[[AsyncSession, Sequence[int]], Awaitable[Sequence[StateEvent]]]]] = {
    ProjectChanged.topic: (Project, projects),
    EnvironmentChanged.topic: (Environment, environments),
    ModuleChanged.topic: (Module, modules),
    CaseChanged.topic: (Case, cases),
}


async def snapshot(
    session: AsyncSession, topic: str, after_id: int, limit: int
) -> tuple[Sequence[StateEvent], int | None]:
    """The state of up to `limit` objects whose ids follow `after_id`, and the id to go on from (None: that was all).

    They are locked, so that no change is stated before this older state.

    Raises: KeyError for a topic of another service.
    """
    table, states = _OF_TOPIC[topic]
    query = select(table.id).where(col(table.id) > after_id).order_by(col(table.id)).limit(limit)
    ids: Sequence[int] = (await session.exec(query.with_for_update(read=True))).all()
    return await states(session, ids), ids[-1] if ids else None
