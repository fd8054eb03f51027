"""The services that Rounds consists of, in the order in which work flows through them."""

from kit.service import Service
from services.auth.main import service as auth
from services.catalog.main import service as catalog
from services.executor.main import service as executor
from services.notifier.main import service as notifier
from services.scheduler.main import service as scheduler

SERVICES: tuple[Service, ...] = (auth, catalog, scheduler, executor, notifier)
