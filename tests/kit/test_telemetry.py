"""What logs and events say of the work that they come from."""

import json
import subprocess
import sys

import pytest

from kit.telemetry import new_traceparent, piece_of_work, span, traceparent

GIVEN = f"00-{'a' * 32}-{'b' * 16}-01"
LOGGING = """
import logging
from kit.telemetry import configure_logging, request_id, run_id, traceparent
configure_logging()
logging.getLogger("plain").warning("nothing in hand")
request_id.set("request-1"); run_id.set("run-1"); traceparent.set("00-" + "a" * 32 + "-" + "b" * 16 + "-01")
logging.getLogger("rich").warning("at work")
"""


def test_log_lines_are_json_with_the_ids_of_the_work_in_hand() -> None:
    done = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True)
    plain, rich = (json.loads(line) for line in done.stderr.splitlines())
    assert plain.keys() == {"time", "level", "name", "message"}
    assert {name: rich[name] for name in ("request_id", "run_id", "trace_id")} == {
        "request_id": "request-1",
        "run_id": "run-1",
        "trace_id": "a" * 32,
    }


@pytest.mark.parametrize("given", [None, "", "00-zz-1-01", f"00-{'a' * 31}-{'b' * 16}-01"])
def test_what_is_no_trace_context_begins_a_new_trace(given: str | None) -> None:
    assert new_traceparent(given) != new_traceparent(given)


def test_a_piece_of_work_continues_its_trace_and_leaves_that_of_others_alone() -> None:
    traceparent.set(None)
    with piece_of_work("outer", GIVEN, {}):
        outer = traceparent.get() or ""
        assert outer.split("-")[1] == "a" * 32
        assert outer != GIVEN
        with span("inner", {}) as made:
            assert made is None
            assert traceparent.get() == outer, "without a collector a part of the work is nothing of its own"
        with piece_of_work("another", None, {}):
            assert (traceparent.get() or "").split("-")[1] != "a" * 32
        assert traceparent.get() == outer
    assert traceparent.get() is None
