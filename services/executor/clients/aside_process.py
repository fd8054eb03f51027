"""The process that `aside` starts: does what comes in, until nothing more can come."""

import os
import pickle
import resource
import signal
import sys
from contextlib import suppress

LIMIT_BYTES = 2**30
"""Of the address space."""
KEPT_KILOBYTES = 100 * 1024
"""A process that took this much more memory ends after its work."""


def work() -> None:
    """Call the functions that come in, each with its seconds, and write what they give or raise.

    What they print goes to standard error. One that takes longer ends the process by SIGALRM.
    """
    with suppress(ValueError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    most = _peak_kilobytes() + KEPT_KILOBYTES  # the peak of the process that started this one counts too
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as results:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        while _peak_kilobytes() < most:
            try:
                seconds, function, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 (from our own process)
            except EOFError:
                return
            signal.alarm(seconds)
            try:
                result = function(*arguments)
            except Exception as error:
                result = error  # raised again by the one who asked
            signal.alarm(0)
            pickle.dump(result, results, pickle.HIGHEST_PROTOCOL)
            results.flush()


def _peak_kilobytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    work()
