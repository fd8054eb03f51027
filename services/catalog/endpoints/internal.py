"""What other services ask when their replicas are behind."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from contracts.catalog import CaseChanged, EnvironmentChanged, ModuleChanged, ProjectChanged
from kit.http import service_only
from services.catalog.db import Session
from services.catalog.queries import states
from services.catalog.schemas.cases import Lookup

router = APIRouter(prefix="/internal/catalog", dependencies=[Depends(service_only)], include_in_schema=False)


class States(BaseModel):
    """Whole states, as the events carry them; what is unknown is left out."""

    projects: list[ProjectChanged] = []
    environments: list[EnvironmentChanged] = []
    modules: list[ModuleChanged] = []
    cases: list[CaseChanged] = []


@router.post("/projects:lookup")
async def look_up_projects(wanted: Lookup, session: Session) -> States:
    """Projects by id."""
    return States(projects=await states.projects(session, wanted.ids))


@router.post("/environments:lookup")
async def look_up_environments(wanted: Lookup, session: Session) -> States:
    """Environments by id, with their projects."""
    found = await states.environments(session, wanted.ids)
    projects = await states.projects(session, [one.project_id for one in found if one.project_id])
    return States(environments=found, projects=projects)


@router.post("/modules:lookup")
async def look_up_modules(wanted: Lookup, session: Session) -> States:
    """Modules by id, with their projects."""
    found = await states.modules(session, wanted.ids)
    projects = await states.projects(session, [one.project_id for one in found if one.project_id])
    return States(modules=found, projects=projects)


@router.post("/cases:lookup")
async def look_up_cases(wanted: Lookup, session: Session) -> States:
    """Cases by id, with their modules and projects."""
    found = await states.cases(session, wanted.ids)
    modules = await states.modules(session, [one.module_id for one in found if one.module_id])
    projects = await states.projects(session, [one.project_id for one in found if one.project_id])
    return States(cases=found, modules=modules, projects=projects)
