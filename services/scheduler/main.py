"""The scheduler: tasks, and the ledger of what became of each of their due times.

When a task falls due: `fire_due_tasks` (loops.py) → `fire_due` (usecases/firing.py) → `task.due`.
When its run ends: `on_run_completed` (consumers.py) → usecases/ending.py.
"""

from kit.loops import Loop
from kit.service import Service
from services.scheduler import migrations
from services.scheduler.consumers import consumer
from services.scheduler.db import database
from services.scheduler.endpoints import api_data, events, passes, tasks, times
from services.scheduler.loops import ask_about_silent_firings, fire_due_tasks, follow_tasks, greet_viewers, tidy

service = Service(
    name="scheduler",
    database=database,
    migrations=migrations,
    routers=[api_data.router, tasks.router, times.router, passes.router, events.router],
    consumer=consumer,
    loops=[
        Loop(fire_due_tasks, wake="due"),
        Loop(ask_about_silent_firings),
        Loop(tidy),
        Loop(follow_tasks),
        Loop(greet_viewers),
    ],
)
