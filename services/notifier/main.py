"""The notifier: tells owners and channels how their tasks' runs ended."""

from kit.loops import Loop
from kit.service import Service
from services.notifier import migrations
from services.notifier.consumers import consumer
from services.notifier.db import database
from services.notifier.endpoints import channels, deliveries, preferences
from services.notifier.loops import purge_deliveries, reap_deliveries, send_mails, send_posts
from services.notifier.settings import check_settings

service = Service(
    name="notifier",
    database=database,
    migrations=migrations,
    routers=[deliveries.router, channels.router, preferences.router],
    consumer=consumer,
    on_start=[check_settings],
    loops=[
        Loop(send_mails, wake="delivery"),
        Loop(send_posts, wake="delivery"),
        Loop(reap_deliveries),
        Loop(purge_deliveries),
    ],
)
