"""A notifier process of its own, to be killed: `python -m tests.notifier.sender`, or `run` in a forked process."""

import asyncio
import os

from kit.loops import run_loop
from services.notifier.main import service


async def main() -> None:
    """Run the loops for ever."""
    service.database.open()
    stopping = asyncio.Event()
    await asyncio.gather(*(run_loop(loop, service.database, stopping) for loop in service.loops))


def run(environment: dict[str, str]) -> None:
    """The same with the environment of another process."""
    os.environ |= environment
    asyncio.run(main())


if __name__ == "__main__":
    asyncio.run(main())
