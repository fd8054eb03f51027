"""A notifier process of its own, to be killed: `python -m tests.notifier.sender`."""

import asyncio

from kit.loops import run_loop
from services.notifier.main import service


async def main() -> None:
    """Run the loops for ever."""
    service.database.open()
    stopping = asyncio.Event()
    await asyncio.gather(*(run_loop(loop, service.database, stopping) for loop in service.loops))


if __name__ == "__main__":
    asyncio.run(main())
