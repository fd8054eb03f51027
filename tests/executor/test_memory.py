"""Answers without end: given up with the right class and in little memory, measured in a process of its own."""

import asyncio
import json
import sys
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

MIB = 1024 * 1024
ROUNDS = 3
MOST_MIB = 60
"""Growth over all rounds: a body is read to 10 MiB, and allocators keep some. One bomb that was kept would be 1 GiB."""
MANY, LARGE_MIB = 40, 8
MOST_MIB_OF_MANY = 160
"""All of them at once take twice their 320: a body is read in parts, which are joined at its end."""
ASK = """
import asyncio, json, re, sys
from contextlib import AsyncExitStack
from pathlib import Path
from services.executor.clients.http import HttpClient
from services.executor.clients.wire import Call, CallFailed, wire_url
from kit.egress import Egress

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

async def ask(client, path):
    url = wire_url(sys.argv[1] + path, [])
    call = Call(method="GET", url=url, headers=[], body=None, timeout_ms=1500 if path == "/drip" else 20_000)
    try:
        async with AsyncExitStack() as in_hand:
            await client.send(call, Egress.of(["127.0.0.0/8"], [], []), in_hand)
    except CallFailed as error:
        return error.failure_class
    return "answered"

async def main():
    client, rounds, at_once = HttpClient(), int(sys.argv[2]), int(sys.argv[3])
    found, before = {"/small": [await ask(client, "/small")]}, peak()
    for path in sys.argv[4:] * rounds:
        found.setdefault(path, []).extend(await asyncio.gather(*(ask(client, path) for _ in range(at_once))))
    await client.close()
    print(json.dumps({"found": found, "grown": peak() - before}))

asyncio.run(main())
"""


def _bomb() -> Iterator[bytes]:
    """1 GiB of zeros in gzip: after a full flush the same MiB gives the same bytes again."""
    squeeze = zlib.compressobj(wbits=31)
    yield squeeze.compress(bytes(MIB)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    again = squeeze.compress(bytes(MIB)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    for _ in range(1023):
        yield again


def _answer(path: str) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    match path:
        case "/bomb":
            yield b"Content-Encoding: gzip\r\n\r\n"
            yield from _bomb()
        case "/gigabyte":
            yield b"Content-Length: %d\r\n\r\n" % (1024 * MIB)
            yield from (bytes(MIB) for _ in range(1024))
        case "/large":
            yield b"Content-Length: %d\r\n\r\n" % (LARGE_MIB * MIB)
            yield from (bytes(MIB) for _ in range(LARGE_MIB))
        case "/headers":
            yield b"".join(b"X-%d: 1\r\n" % n for n in range(100_000))
            yield b"\r\n"
        case "/drip":
            yield b"Content-Length: 1000\r\n\r\n"
            yield from (b"x" for _ in range(1000))
        case _:
            yield b"Content-Length: 2\r\n\r\nok"


@asynccontextmanager
async def _hostile() -> AsyncIterator[str]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            if path == "/ring":
                writer.write(b"HTTP/1.1 302 Found\r\nLocation: /ring\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            for part in _answer(path):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(1 if len(part) == 1 else 0)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


async def _asked(url: str, paths: Iterable[str], rounds: int = 1, at_once: int = 1) -> dict[str, Any]:
    """What became of the requests, by path, and by how many MiB the process grew."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ASK, url, str(rounds), str(at_once), *paths, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    told: dict[str, Any] = json.loads(out)
    return told


async def test_answers_without_end_are_given_up_in_time_and_in_little_memory() -> None:
    expected = {
        "/bomb": "protocol", "/gigabyte": "protocol", "/headers": "protocol", "/ring": "protocol", "/drip": "timeout",
    }  # fmt: skip
    async with _hostile() as url:
        told = await _asked(url, expected, ROUNDS)
    assert told["found"] == {"/small": ["answered"]} | {path: [kind] * ROUNDS for path, kind in expected.items()}
    assert told["grown"] < MOST_MIB


async def test_few_large_answers_are_in_hand_at_once() -> None:
    async with _hostile() as url:
        told = await _asked(url, ["/large"], at_once=MANY)
    assert told["found"]["/large"] == ["answered"] * MANY
    assert told["grown"] < MOST_MIB_OF_MANY
