"""pgqueuer: `on_pgqueuer.py URL JOBS` prints jobs a second for jobs that are due at once, in batches of 500."""

import asyncio
import sys
import time

import asyncpg
from pgqueuer import PgQueuer, Queries
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.types import QueueExecutionMode

url, jobs = sys.argv[1], int(sys.argv[2])


async def main() -> None:
    """Enqueue, then work it all off."""
    connection = await asyncpg.connect(url)
    driver = AsyncpgDriver(connection)
    queries = Queries(driver)
    await queries.install()
    await queries.enqueue(["job"] * jobs, [None] * jobs, [0] * jobs)
    queuer = PgQueuer(driver)

    @queuer.entrypoint("job")
    async def job(_job: Job) -> None:
        """Do nothing: that it was done is recorded by pgqueuer."""

    began = time.perf_counter()
    await queuer.run(batch_size=500, mode=QueueExecutionMode.drain)
    print(jobs / (time.perf_counter() - began))


asyncio.run(main())
