"""The sample project."""

from sqlmodel.ext.asyncio.session import AsyncSession

from kit.caller import Caller
from kit.http import Given
from kit.messages import translate
from kit.settings import settings
from services.catalog.queries import projects as queries
from services.catalog.schemas import sample
from services.catalog.schemas.projects import EnvironmentWrite, ModuleCreate, ProjectWrite, SampleRead
from services.catalog.usecases.cases import new_case
from services.catalog.usecases.environments import create_environment
from services.catalog.usecases.modules import create_module
from services.catalog.usecases.projects import create_project


async def create_sample(session: AsyncSession, caller: Caller) -> SampleRead:
    """Make a project with an environment, a module and three cases against Rounds' own demo target.

    Raises: PermissionDenied (no superuser).
    """
    about = ProjectWrite(name=translate(sample.NAME), description=translate(sample.DESCRIPTION))
    made = await create_project(session, caller, Given(about))
    here = f"{settings().peer_url('catalog')}/catalog/demo"
    environment = EnvironmentWrite(
        name=translate(sample.ENVIRONMENT_NAME),
        base_urls={"default": here},
        variables={"user": "bob"},
        secrets={"password": sample.PASSWORD},
    )
    await create_environment(session, caller, made.id, Given(environment))
    module = await create_module(session, caller, made.id, Given(ModuleCreate(name=translate(sample.MODULE_NAME))))
    project = await queries.lock_project(session, made.id)
    cases = [await new_case(session, caller, project, module.id, document) for document in sample.documents()]
    read = await queries.read_project(session, caller, project.id)
    return SampleRead(**dict(read), case_ids=[case.id for case in cases])
