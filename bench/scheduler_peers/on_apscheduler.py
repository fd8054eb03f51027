"""APScheduler 3 on PostgreSQL: `on_apscheduler.py URL JOBS KAFKA` prints jobs a second for jobs that are due at once.

As a due task of Rounds does, each job states an event on Kafka; it counts when the broker has acknowledged it.
"""

import sys
import time
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from confluent_kafka import Producer

url, jobs = sys.argv[1].replace("postgresql:", "postgresql+psycopg2:"), int(sys.argv[2])
producer = Producer({"bootstrap.servers": sys.argv[3], "enable.idempotence": True, "linger.ms": 2})
EVENT = b"x" * 500
done = 0


def job(number: int) -> None:
    """Tell that it is due."""
    producer.produce("task.due", EVENT, key=str(number), on_delivery=acknowledged)
    producer.poll(0)


def acknowledged(error: object, _message: object) -> None:
    """Count what is on Kafka."""
    global done  # noqa: PLW0603
    if error is not None:
        raise RuntimeError(error)
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
for number in range(jobs):
    scheduler.add_job("__main__:job", "date", run_date=due, args=[number])
while datetime.now(UTC) < due:
    time.sleep(0.01)
began = time.perf_counter()
scheduler.resume()
while done < jobs or store.get_next_run_time() is not None:
    producer.poll(0.01)
print(jobs / (time.perf_counter() - began))
