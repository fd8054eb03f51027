"""The auth service: users, their log-ins, and who is a member of which project."""

from kit.loops import Loop
from kit.service import Service
from services.auth import migrations
from services.auth.consumers import consumer
from services.auth.db import database
from services.auth.endpoints import audit, internal, projects, sessions, tokens, users
from services.auth.loops import create_first_superuser, purge

service = Service(
    name="auth",
    database=database,
    migrations=migrations,
    routers=[sessions.router, users.router, projects.router, tokens.router, audit.router, internal.router],
    consumer=consumer,
    loops=[Loop(purge)],
    on_start=[create_first_superuser],
)
