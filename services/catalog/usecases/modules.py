"""Modules: the tree of a project. A project's lock makes moves one after another, so positions hold."""

import logging
from collections.abc import Sequence

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.catalog import ModuleChanged
from kit import clock
from kit.caller import Caller
from kit.errors import FieldFault, InvalidParameter
from kit.http import Given
from kit.outbox import publish
from services.catalog import rules
from services.catalog.errors import ModuleNotEmpty
from services.catalog.models import Case, Module
from services.catalog.queries import projects as queries
from services.catalog.queries.states import module_state
from services.catalog.schemas.projects import ModuleCreate, ModuleMove, ModuleRead, ModuleUpdate
from services.catalog.usecases.projects import stamp

log = logging.getLogger(__name__)


async def create_module(
    session: AsyncSession, caller: Caller, project_id: int, given: Given[ModuleCreate]
) -> ModuleRead:
    """Make a module at a position among its siblings.

    Raises: NotFound, PermissionDenied, InvalidParameter (`parent_id` is no module of the project).
    """
    project = await queries.lock_project(session, project_id)
    caller.require_member(project.id)
    body = given.checked()
    await _check_parent(session, project.id, body.parent_id)
    siblings = await queries.siblings(session, project.id, body.parent_id)
    now = await clock.now(session)
    module = Module(
        project_id=project.id,
        parent_id=body.parent_id,
        name=body.name,
        rank=await _rank(session, caller, siblings, body.position),
        created_at=now,
        updated_at=now,
        created_by_id=caller.user_id,
        updated_by_id=caller.user_id,
    )
    session.add(module)
    await session.flush()
    await publish(session, module_state(module))
    log.info("module %d made by user %d", module.id, caller.user_id)
    return await queries.read_module(session, module.id)


async def update_module(
    session: AsyncSession, caller: Caller, module_id: int, expected: int | None, given: Given[ModuleUpdate]
) -> ModuleRead:
    """Rename a module; move it too when `parent_id` or `position` is given.

    Raises: NotFound, PermissionDenied, RevisionConflict, InvalidParameter.
    """
    project, module = await queries.locked(session, Module, module_id)
    caller.require_member(project.id)
    queries.check_revision(module, expected)
    body = given.checked()
    if {"parent_id", "position"} & body.model_fields_set:
        parent_id = body.parent_id if "parent_id" in body.model_fields_set else module.parent_id
        await _check_parent(session, project.id, parent_id, module)
        siblings = [one for one in await queries.siblings(session, project.id, parent_id) if one.id != module.id]
        if parent_id != module.parent_id or body.position is not None:
            module.rank = await _rank(session, caller, siblings, body.position)
        module.parent_id = parent_id
    module.name = body.name
    await stamp(session, caller, module)
    await publish(session, module_state(module))
    return await queries.read_module(session, module.id)


async def move_module(
    session: AsyncSession, caller: Caller, module_id: int, expected: int | None, given: Given[ModuleMove]
) -> ModuleRead:
    """Put a module under a parent, before one of the modules there or last.

    Raises: NotFound, PermissionDenied, RevisionConflict, InvalidParameter (no such parent or sibling; a module
    inside itself).
    """
    project, module = await queries.locked(session, Module, module_id)
    caller.require_member(project.id)
    queries.check_revision(module, expected)
    body = given.checked()
    await _check_parent(session, project.id, body.parent_id, module)
    siblings = [one for one in await queries.siblings(session, project.id, body.parent_id) if one.id != module.id]
    index = None
    if body.before_id is not None:
        ids = [one.id for one in siblings]
        if body.before_id not in ids:
            raise InvalidParameter(errors=[FieldFault("before_id", "unknown_ids", {"ids": [body.before_id]})])
        index = ids.index(body.before_id)
    module.rank = await _rank(session, caller, siblings, index)
    module.parent_id = body.parent_id
    await stamp(session, caller, module)
    await publish(session, module_state(module))
    return await queries.read_module(session, module.id)


async def delete_module(session: AsyncSession, caller: Caller, module_id: int, expected: int | None) -> None:
    """Delete an empty module.

    Raises: NotFound, PermissionDenied, RevisionConflict, ModuleNotEmpty.
    """
    project, module = await queries.locked(session, Module, module_id)
    caller.require_member(project.id)
    queries.check_revision(module, expected)
    for holds in (
        select(Module.id).where(Module.parent_id == module.id),
        select(Case.id).where(Case.module_id == module.id),
    ):
        if (await session.exec(holds.limit(1))).first() is not None:
            raise ModuleNotEmpty
    gone = ModuleChanged.of_deleted(module.id, module.revision + 1, name=module.name)
    await session.delete(module)
    await publish(session, gone)
    log.info("module %d deleted by user %d", module_id, caller.user_id)


async def _check_parent(
    session: AsyncSession, project_id: int, parent_id: int | None, module: Module | None = None
) -> None:
    if parent_id is None:
        return
    parents = await queries.parents_of(session, project_id)
    if parent_id not in parents:
        raise InvalidParameter(errors=[FieldFault("parent_id", "unknown_ids", {"ids": [parent_id]})])
    if module is not None and module.id in rules.path_of(parent_id, parents):
        raise InvalidParameter(errors=[FieldFault("parent_id", "cycle")])


async def _rank(session: AsyncSession, caller: Caller, siblings: Sequence[Module], index: int | None) -> int:
    """A rank at an index among siblings; None is last. Without room there, the siblings are spread out anew."""
    index = len(siblings) if index is None else index
    rank = rules.rank_at([sibling.rank for sibling in siblings], index)
    if rank is not None:
        return rank
    for number, sibling in enumerate(siblings):
        sibling.rank = number * rules.RANK_GAP
    await stamp(session, caller, *siblings)
    await publish(session, *[module_state(sibling) for sibling in siblings])
    return siblings[index].rank - rules.RANK_GAP // 2
