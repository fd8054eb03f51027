"""What logs and events say of the work that they come from."""

import json
import os
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


AWAY = """
import logging
from kit.telemetry import configure_logging
configure_logging()
client, group = logging.getLogger("aiokafka"), logging.getLogger("aiokafka.consumer.group_coordinator")
for node in range(3):
    client.error("Unable connect to node with id %s: %s", node, "refused")
    group.warning("Marking the coordinator dead (node %s)for group %s.", node, "rounds.executor")
group.error("Topic %s is not authorized for this client", "task.due")
"""


@pytest.mark.parametrize(("level", "lines"), [("INFO", 2), ("DEBUG", 7)])
def test_a_broker_that_is_away_is_one_warning_and_what_it_refuses_stays_an_error(level: str, lines: int) -> None:
    env = {**os.environ, "ROUNDS_LOG_LEVEL": level}
    done = subprocess.run([sys.executable, "-c", AWAY], capture_output=True, text=True, check=True, env=env)
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert len(said) == lines
    assert [one["level"] for one in said if one["level"] != "DEBUG"] == ["WARNING", "ERROR"]
    assert said[0]["message"] == "Unable connect to node with id 0: refused"


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
