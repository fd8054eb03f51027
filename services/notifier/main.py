"""The notifier: tells owners and channels how their tasks' runs ended."""

from prometheus_client import Gauge

from kit.loops import Loop
from kit.service import Measure, Service
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
    measures=[
        Measure(
            Gauge("rounds_deliveries_open", "Deliveries that are not ended, by state", ["service", "status"]),
            """SELECT status, (SELECT count(*) FROM delivery WHERE delivery.status = open.status)
               FROM unnest(ARRAY['queued', 'sending']) AS open (status)""",
        ),
    ],
    on_start=[check_settings],
    loops=[
        Loop(send_mails, wake="delivery"),
        Loop(send_posts, wake="delivery"),
        Loop(reap_deliveries),
        Loop(purge_deliveries),
    ],
)
