"""procrastinate: `on_procrastinate.py URL JOBS` prints jobs a second for jobs that are due at once."""

import asyncio
import sys
import time

import procrastinate

url, jobs = sys.argv[1], int(sys.argv[2])
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, max_size=20))


@app.task
async def job() -> None:
    """Do nothing: that it was done is recorded by procrastinate."""


async def main() -> None:
    """Defer, then work it all off."""
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        for _ in range(jobs // 500):
            await job.batch_defer_async(*[{} for _ in range(500)])
        began = time.perf_counter()
        await app.run_worker_async(wait=False, concurrency=20, install_signal_handlers=False)
        print(jobs / (time.perf_counter() - began))


asyncio.run(main())
