"""The catalog: projects, environments, modules and cases."""

from kit.crypto import check_keys
from kit.loops import Loop
from kit.service import Service
from services.catalog import migrations
from services.catalog.consumers import consumer
from services.catalog.db import database
from services.catalog.endpoints import cases, demo, environments, internal, modules, projects
from services.catalog.loops import delete_rest_of_projects
from services.catalog.usecases.projects import DELETIONS

service = Service(
    name="catalog",
    database=database,
    migrations=migrations,
    routers=[projects.router, environments.router, modules.router, cases.router, demo.router, internal.router],
    consumer=consumer,
    loops=[Loop(delete_rest_of_projects, wake=DELETIONS)],
    on_start=[check_keys],
)
