"""procrastinate: `on_procrastinate.py URL JOBS KAFKA` prints jobs a second for jobs that are due at once.

As a due task of Rounds does, each job states an event on Kafka, and is done when the broker has acknowledged it.
"""

import asyncio
import sys
import time

import procrastinate
from aiokafka import AIOKafkaProducer

url, jobs, kafka = sys.argv[1], int(sys.argv[2]), sys.argv[3]
EVENT = b"x" * 500
producers: list[AIOKafkaProducer] = []
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, max_size=20))


@app.task
async def job(number: int) -> None:
    """Tell that it is due; that it was done is recorded by procrastinate."""
    await producers[0].send_and_wait("task.due", EVENT, key=str(number).encode())


async def main() -> None:
    """Defer, then work it all off."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=10, max_batch_size=262_144
    )
    async with app.open_async(), producer:
        producers.append(producer)
        await app.schema_manager.apply_schema_async()
        for first in range(0, jobs, 500):
            await job.batch_defer_async(*[{"number": number} for number in range(first, first + 500)])
        await producer.send_and_wait("task.due", EVENT, key=b"0")
        began = time.perf_counter()
        await app.run_worker_async(wait=False, concurrency=20, install_signal_handlers=False)
        print(jobs / (time.perf_counter() - began))


asyncio.run(main())
