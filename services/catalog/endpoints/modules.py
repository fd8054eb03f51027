"""HTTP of modules."""

from fastapi import APIRouter

from kit.http import GivenBody, IfMatch, Page
from services.catalog.db import Session, logged_in
from services.catalog.endpoints.rights import Writer
from services.catalog.queries import projects as queries
from services.catalog.schemas.fields import PathId
from services.catalog.schemas.projects import ModuleCreate, ModuleMove, ModuleRead, ModuleUpdate
from services.catalog.usecases import modules as usecases

router = APIRouter(prefix="/catalog", tags=["modules"])


@router.post("/projects/{project_id}/modules", status_code=201, summary="Make a module")
async def create_module(
    project_id: PathId, given: GivenBody[ModuleCreate], caller: Writer, session: Session
) -> ModuleRead:
    """Members make modules, at the top of the project or inside another one."""
    return await usecases.create_module(session, caller, project_id, given)


@router.get("/projects/{project_id}/modules", summary="The module tree", dependencies=[logged_in])
async def list_modules(project_id: PathId, session: Session) -> Page[ModuleRead]:
    """The whole tree, flat and in order: a module comes after its parent. It is one page, however long."""
    return await queries.list_modules(session, project_id)


@router.get("/modules/{module_id}", summary="Read a module", dependencies=[logged_in])
async def read_module(module_id: PathId, session: Session) -> ModuleRead:
    """A module with its place in the tree."""
    return await queries.read_module(session, module_id)


@router.put("/modules/{module_id}", summary="Rename or move a module")
async def update_module(
    module_id: PathId, given: GivenBody[ModuleUpdate], caller: Writer, session: Session, if_match: IfMatch
) -> ModuleRead:
    """Members rename a module. `parent_id` and `position` move it; left out, it stays where it is."""
    return await usecases.update_module(session, caller, module_id, if_match, given)


@router.delete("/modules/{module_id}", status_code=204, summary="Delete an empty module")
async def delete_module(module_id: PathId, caller: Writer, session: Session, if_match: IfMatch) -> None:
    """Members delete a module that holds neither modules nor cases."""
    await usecases.delete_module(session, caller, module_id, if_match)


@router.post("/modules/{module_id}/move", summary="Move a module")
async def move_module(
    module_id: PathId, given: GivenBody[ModuleMove], caller: Writer, session: Session, if_match: IfMatch
) -> ModuleRead:
    """Members put a module under a parent (null: the top), before one of the modules there or last."""
    return await usecases.move_module(session, caller, module_id, if_match, given)
