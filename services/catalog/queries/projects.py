"""Reads of projects, environments and modules; `lock_project` and `locked` are where every write begins."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy import Table, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.caller import Caller
from kit.errors import NotFound, RevisionConflict
from kit.grams import fold
from kit.http import Page, Paging
from services.catalog import rules
from services.catalog.db import database
from services.catalog.models import Case, Environment, Module, Project, Secret, Stamped
from services.catalog.schemas.fields import Person
from services.catalog.schemas.projects import EnvironmentRead, ModuleRead, ProjectRead, SecretRead

InProject = Environment | Module | Case
Child = TypeVar("Child", Environment, Module, Case)
KNOWN_USER: Table = database.metadata.tables["known_user"]


async def people(session: AsyncSession, rows: Iterable[Stamped]) -> dict[int, Person]:
    """Who wrote these rows, by id."""
    ids = {id for row in rows for id in (row.created_by_id, row.updated_by_id)}
    return await people_named(session, ids)


async def people_named(session: AsyncSession, ids: Iterable[int]) -> dict[int, Person]:
    """Users by id; one that the replica does not know has no name."""
    wanted = set(ids)
    query = select(KNOWN_USER.c.id, KNOWN_USER.c.username).where(KNOWN_USER.c.id.in_(wanted))
    names: dict[int, str] = dict((await session.execute(query)).all())
    return {id: Person(id=id, username=names.get(id)) for id in wanted}


def stamps(row: Stamped, who: dict[int, Person]) -> dict[str, object]:
    """The fields that every answer ends with."""
    return {
        "revision": row.revision,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "created_by": who[row.created_by_id],
        "updated_by": who[row.updated_by_id],
    }


async def lock_project(session: AsyncSession, project_id: int) -> Project:
    """The project, locked: whoever else writes in it waits.

    Raises: NotFound.
    """
    query = select(Project).where(Project.id == project_id, ~col(Project.deleted)).with_for_update(key_share=True)
    project = (await session.exec(query.execution_options(populate_existing=True))).first()
    if project is None:
        raise NotFound
    return project


async def locked(session: AsyncSession, kind: type[Child], child_id: int) -> tuple[Project, Child]:
    """An environment, module or case, with its project locked.

    Raises: NotFound.
    """
    project_id = (await session.exec(select(kind.project_id).where(kind.id == child_id))).first()
    if project_id is None:
        raise NotFound
    project = await lock_project(session, project_id)
    child = await session.get(kind, child_id, populate_existing=True)
    if child is None:
        raise NotFound
    return project, child


def check_revision(row: Stamped, expected: int | None) -> None:
    """Raises: RevisionConflict when `If-Match` named another revision than the present one."""
    if expected is not None and expected != row.revision:
        raise RevisionConflict(row.revision)


async def present_project(session: AsyncSession, project_id: int) -> Project:
    """A project that is not deleted.

    Raises: NotFound.
    """
    project = await session.get(Project, project_id)
    if project is None or project.deleted:
        raise NotFound
    return project


async def present(session: AsyncSession, kind: type[Child], child_id: int) -> tuple[Project, Child]:
    """An environment, module or case of a project that is not deleted.

    Raises: NotFound.
    """
    query = (
        select(Project, kind)
        .join(kind, col(kind.project_id) == col(Project.id))
        .where(col(kind.id) == child_id, ~col(Project.deleted))
    )
    found = (await session.exec(query)).first()
    if found is None:
        raise NotFound
    return found[0], found[1]


async def projects_of(session: AsyncSession, kind: type[InProject], ids: Sequence[int]) -> set[int]:
    """The projects of these environments, modules or cases."""
    return set(await session.exec(select(kind.project_id).where(col(kind.id).in_(ids)).distinct()))


# --- projects


def _project_read(project: Project, caller: Caller, who: dict[int, Person]) -> ProjectRead:
    state = project.model_dump(exclude=set(Stamped.model_fields) | {"deleted"})
    return ProjectRead.model_validate({**state, "can_write": caller.is_member(project.id), **stamps(project, who)})


async def read_project(session: AsyncSession, caller: Caller, project_id: int) -> ProjectRead:
    """A project as answered.

    Raises: NotFound.
    """
    project = await present_project(session, project_id)
    return _project_read(project, caller, await people(session, [project]))


async def list_projects(
    session: AsyncSession, caller: Caller, paging: Paging, search: str | None, sort: str
) -> Page[ProjectRead]:
    """One page of the projects; `search` is a part of the name or the description."""
    query = select(Project).where(~col(Project.deleted))
    if search:
        found = func.concat(Project.name, "\n", Project.description)
        query = query.where(func.strpos(func.lower(found), fold(search)) > 0)
    total = (await session.exec(select(func.count()).select_from(query.subquery()))).one()
    column = getattr(Project, sort.removeprefix("-"))
    order = [column.desc(), col(Project.id).desc()] if sort.startswith("-") else [column, col(Project.id)]
    rows = (await session.exec(query.order_by(*order).limit(paging.page_size).offset(paging.offset))).all()
    who = await people(session, rows)
    data = [_project_read(row, caller, who) for row in rows]
    return Page(total=total, page=paging.page, page_size=paging.page_size, data=data)


# --- environments


async def secrets_of(session: AsyncSession, environment_ids: Iterable[int]) -> dict[int, list[Secret]]:
    """The secrets of each environment, in order of their names."""
    query = select(Secret).where(col(Secret.environment_id).in_(list(environment_ids))).order_by(Secret.name)
    found: dict[int, list[Secret]] = {}
    for secret in await session.exec(query.execution_options(populate_existing=True)):
        found.setdefault(secret.environment_id, []).append(secret)
    return found


async def _environments_read(
    session: AsyncSession, project: Project, rows: Sequence[Environment]
) -> list[EnvironmentRead]:
    who = await people(session, rows)
    secrets = await secrets_of(session, [row.id for row in rows])
    return [
        EnvironmentRead.model_validate(
            {
                **row.model_dump(exclude=set(Stamped.model_fields)),
                "secrets": [
                    SecretRead(name=secret.name, updated_at=secret.updated_at) for secret in secrets.get(row.id, [])
                ],
                "is_default": row.id == project.default_environment_id,
                "databases": None,
                **stamps(row, who),
            },
        )
        for row in rows
    ]


async def read_environment(session: AsyncSession, environment_id: int) -> EnvironmentRead:
    """An environment as answered.

    Raises: NotFound.
    """
    project, environment = await present(session, Environment, environment_id)
    return (await _environments_read(session, project, [environment]))[0]


async def list_environments(session: AsyncSession, project_id: int, paging: Paging) -> Page[EnvironmentRead]:
    """One page of a project's environments, oldest first.

    Raises: NotFound.
    """
    project = await present_project(session, project_id)
    mine = col(Environment.project_id) == project_id
    total = (await session.exec(select(func.count()).select_from(Environment).where(mine))).one()
    query = select(Environment).where(mine).order_by(col(Environment.id))
    rows = (await session.exec(query.limit(paging.page_size).offset(paging.offset))).all()
    data = await _environments_read(session, project, rows)
    return Page(total=total, page=paging.page, page_size=paging.page_size, data=data)


# --- modules


async def siblings(session: AsyncSession, project_id: int, parent_id: int | None) -> Sequence[Module]:
    """The modules of one parent, in their order."""
    query = (
        select(Module)
        .where(Module.project_id == project_id, col(Module.parent_id).is_not_distinct_from(parent_id))
        .order_by(col(Module.rank), col(Module.id))
    )
    return (await session.exec(query.execution_options(populate_existing=True))).all()


async def parents_of(session: AsyncSession, project_id: int) -> dict[int, int | None]:
    """The parent of every module of a project."""
    query = select(Module.id, Module.parent_id).where(Module.project_id == project_id)
    return dict((await session.exec(query)).all())


async def list_modules(session: AsyncSession, project_id: int) -> Page[ModuleRead]:
    """The whole tree of a project, flat: every module before its siblings to come, after its parent.

    Raises: NotFound.
    """
    await present_project(session, project_id)
    query = select(Module).where(Module.project_id == project_id).order_by(col(Module.rank), col(Module.id))
    rows = (await session.exec(query)).all()
    data = await _modules_read(session, rows, rows)
    return Page(total=len(data), page=1, page_size=max(len(data), 1), data=data)


async def read_module(session: AsyncSession, module_id: int) -> ModuleRead:
    """A module as answered.

    Raises: NotFound.
    """
    _, module = await present(session, Module, module_id)
    query = select(Module).where(Module.project_id == module.project_id).order_by(col(Module.rank), col(Module.id))
    return (await _modules_read(session, (await session.exec(query)).all(), [module]))[0]


async def _modules_read(session: AsyncSession, tree: Sequence[Module], wanted: Sequence[Module]) -> list[ModuleRead]:
    who = await people(session, wanted)
    names = {module.id: module.name for module in tree}
    parents = {module.id: module.parent_id for module in tree}
    children: dict[int | None, list[int]] = {}
    for module in tree:
        children.setdefault(module.parent_id, []).append(module.id)
    position = {id: index for ids in children.values() for index, id in enumerate(ids)}
    return [
        ModuleRead.model_validate(
            {
                **module.model_dump(exclude=set(Stamped.model_fields) | {"rank"}),
                "position": position[module.id],
                "path": [names[id] for id in rules.path_of(module.id, parents)],
                **stamps(module, who),
            },
        )
        for module in sorted(wanted, key=lambda module: place(module.id, parents, position))
    ]


def place(module_id: int, parents: dict[int, int | None], position: dict[int, int]) -> list[int]:
    """What to sort modules by, so that the tree reads from top to bottom."""
    return [position[id] for id in rules.path_of(module_id, parents)]
