"""Work that would hold up the event loop, done in a process of its own: reading and judging a large answer.

No thread would do: the readers of JSON and the searches in it hold the interpreter's lock until they are through. The
processes are started when first needed; they end with this one, and when a piece of work takes too long or too much.
"""

import asyncio
import contextlib
import copyreg
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import SystemRandom
from typing import Any, TypeVar

from services.executor.clients import aside_process
from services.executor.clients.aside_process import LIMIT_BYTES
from services.executor.clients.wire import CallFailed
from services.executor.settings import executor_settings

PROCESSES = 2

copyreg.pickle(SystemRandom, lambda _: (SystemRandom, ()))  # it has no state
_threads = ThreadPoolExecutor(PROCESSES, "aside")
_own = threading.local()
"""Each thread has a process."""
Result = TypeVar("Result")
_LESS = "to judge it: ask for less of it, or by simpler expressions"


async def aside(function: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401 (passed on)
    """Call a function of a module elsewhere; all that goes there and comes back is pickled.

    Raises: CallFailed (timeout, protocol for too much memory, platform when the process was lost), and what the
    function raises.
    """
    work = _Work(function, arguments)
    try:
        result: Result = await asyncio.get_running_loop().run_in_executor(_threads, work.do)
    except asyncio.CancelledError:
        work.stop()
        raise
    return result


class _Work:
    """One call, and the process that is at it."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.asked = (executor_settings().judge_seconds, function, arguments)
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = False

    def do(self) -> Any:  # noqa: ANN401 (passed on)
        """Have it done by the process of this thread, or by a new one if that has ended since its last work."""
        kept: subprocess.Popen[bytes] | None = getattr(_own, "process", None)
        done, result = self._by(kept) if kept else (False, None)
        if not done and not self.stopped:
            _own.process = _start()
            done, result = self._by(_own.process)
        if not done:
            raise CallFailed("platform", "the process that judged the answer was lost; run the case again")
        if isinstance(result, MemoryError):
            raise CallFailed("protocol", f"the answer takes more than {LIMIT_BYTES >> 20} MiB of memory {_LESS}")
        if isinstance(result, Exception):
            raise result
        return result

    def _by(self, process: subprocess.Popen[bytes]) -> tuple[bool, Any]:
        assert process.stdin is not None  # noqa: S101 (both are pipes)
        assert process.stdout is not None  # noqa: S101
        self.process = process
        try:
            pickle.dump(self.asked, process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            return True, pickle.load(process.stdout)  # noqa: S301 (our own process)
        except (OSError, EOFError, pickle.UnpicklingError):
            _own.process = None
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.stdout.close()
            if process.wait() == -signal.SIGALRM:
                raise CallFailed("timeout", f"the answer takes more than {self.asked[0]} s {_LESS}") from None
            return False, None
        finally:
            self.process = None

    def stop(self) -> None:
        """Nobody waits for it any more."""
        self.stopped = True
        if self.process is not None:
            self.process.kill()


def _start() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", aside_process.__name__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603
