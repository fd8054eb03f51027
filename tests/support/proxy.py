"""A TCP proxy that stands between a service and its database or broker, to make either unreachable.

async with proxy_to(server.port) as proxy:
    url = server.url("rounds", port=proxy.port)
    await proxy.refuse()      # connections are cut, new ones refused, as when the server is down
    proxy.hang()              # connections stay and new ones open, but nothing passes, as when the network drops
    await proxy.restore()     # all is well again; what hung is passed on
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK_BYTES = 65_536


class Proxy:
    """Passes bytes from its own port to `target_port`, both on 127.0.0.1."""

    def __init__(self, target_port: int) -> None:
        """Prepare; `proxy_to` opens the port."""
        self.target_port = target_port
        self.port = 0
        self.connections = 0
        """How many connections were accepted so far."""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def restore(self) -> None:
        """Accept and pass on everything."""
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def hang(self) -> None:
        """Keep connections open and take new ones, but pass nothing on."""
        self._flowing.clear()

    async def refuse(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        writers = [writer]
        try:
            await self._flowing.wait()
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
            writers.append(target_writer)
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._pass(reader, target_writer))
                directions.create_task(self._pass(target_reader, writer))
        except* (OSError, asyncio.CancelledError):
            pass  # one side is gone, or `refuse` was called: the other side is cut below
        finally:
            for end in writers:
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


@asynccontextmanager
async def proxy_to(target_port: int) -> AsyncIterator[Proxy]:
    """Run a proxy for the length of a block. The target need not be up yet."""
    proxy = Proxy(target_port)
    await proxy.restore()
    try:
        yield proxy
    finally:
        await proxy.refuse()
