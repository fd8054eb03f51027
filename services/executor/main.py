"""The executor: runs cases, judges every step, keeps the reports."""

from prometheus_client import Gauge

from kit.loops import Loop
from kit.service import Measure, Service
from services.executor import migrations
from services.executor.consumers import consumer
from services.executor.db import database
from services.executor.endpoints import events, internal, reports, runs
from services.executor.loops.house import keep_house, reap, sum_days
from services.executor.loops.viewers import follow_runs, greet_viewers
from services.executor.loops.worker import Worker

worker = Worker()
service = Service(
    name="executor",
    database=database,
    migrations=migrations,
    routers=[runs.router, reports.router, events.router, internal.router],
    consumer=consumer,
    loops=[
        Loop(worker.work, wake="work", drain=worker.drain),
        Loop(worker.write),
        Loop(worker.watch, wake="cancel"),
        Loop(reap),
        Loop(keep_house),
        Loop(sum_days),
        Loop(follow_runs, wake="progress"),
        Loop(greet_viewers),
    ],
    measures=[
        Measure(
            Gauge("rounds_executor_queued", "Case runs that wait for a worker", ["service"]),
            "SELECT count(*) FROM case_run WHERE status = 'queued'",
        ),
    ],
    on_start=[keep_house, worker.start],
)
