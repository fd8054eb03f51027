"""pgqueuer: `on_pgqueuer.py URL JOBS KAFKA` prints jobs a second for jobs that are due at once, in batches of 500.

As a due task of Rounds does, each job states an event on Kafka, and is done when the broker has acknowledged it.
"""

import asyncio
import sys
import time

import asyncpg
from aiokafka import AIOKafkaProducer
from pgqueuer import PgQueuer, Queries
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.types import QueueExecutionMode

url, jobs, kafka = sys.argv[1], int(sys.argv[2]), sys.argv[3]
EVENT = b"x" * 500


async def main() -> None:
    """Enqueue, then work it all off."""
    connection = await asyncpg.connect(url)
    driver = AsyncpgDriver(connection)
    queries = Queries(driver)
    await queries.install()
    await queries.enqueue(["job"] * jobs, [None] * jobs, [0] * jobs)
    queuer = PgQueuer(driver)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=10, max_batch_size=262_144
    ) as producer:

        @queuer.entrypoint("job")
        async def job(job: Job) -> None:
            """Tell that it is due; that it was done is recorded by pgqueuer."""
            await producer.send_and_wait("task.due", EVENT, key=str(job.id).encode())

        await producer.send_and_wait("task.due", EVENT, key=b"0")
        began = time.perf_counter()
        await queuer.run(batch_size=500, mode=QueueExecutionMode.drain)
        print(jobs / (time.perf_counter() - began))


asyncio.run(main())
