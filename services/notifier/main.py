"""The notifier: tells owners and channels how their tasks' runs ended."""

from kit.loops import Loop
from kit.service import Service
from services.notifier import migrations
from services.notifier.consumers import consumer
from services.notifier.db import database
from services.notifier.endpoints import router
from services.notifier.loops import reap_deliveries, send_mails

service = Service(
    name="notifier",
    database=database,
    migrations=migrations,
    routers=[router],
    consumer=consumer,
    loops=[Loop(send_mails, wake="delivery"), Loop(reap_deliveries)],
)
