"""APScheduler 3 on PostgreSQL: `on_apscheduler.py URL JOBS` prints jobs a second for jobs that are due at once."""

import sys
import time
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

url, jobs = sys.argv[1].replace("postgresql:", "postgresql+psycopg2:"), int(sys.argv[2])
done = 0


def job() -> None:
    """Count itself."""
    global done  # noqa: PLW0603
    done += 1


store = SQLAlchemyJobStore(url)
scheduler = BackgroundScheduler(
    jobstores={"default": store},
    executors={"default": ThreadPoolExecutor(10)},
    job_defaults={"misfire_grace_time": None},
    timezone=UTC,
)
scheduler.start(paused=True)
due = datetime.now(UTC) + timedelta(seconds=2 + jobs / 500)
with store.engine.begin() as connection:
    del connection
for _ in range(jobs):
    scheduler.add_job("__main__:job", "date", run_date=due)
while datetime.now(UTC) < due:
    time.sleep(0.01)
began = time.perf_counter()
scheduler.resume()
while done < jobs or store.get_next_run_time() is not None:
    time.sleep(0.01)
print(jobs / (time.perf_counter() - began))
