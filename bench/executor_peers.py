"""The same cases as other tools write them, and how they are run: five GETs, each with three assertions and a capture
that the next one uses.
"""

import json
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import peers
from bench.stack import output_of

STEPS = 5
RUN_SECONDS = 600
Files = Iterator[tuple[str, str]]
NEWMAN_SCRIPT = """
const body = pm.response.json();
pm.test('status', () => pm.response.to.have.status(200));
pm.test('paid', () => pm.expect(body.status).to.eql('paid'));
pm.test('items', () => pm.expect(body.items.length).to.eql(2));
pm.variables.set('order', body.next);
"""
HURL = """GET {url}
HTTP 200
[Captures]
order: jsonpath "$.next"
[Asserts]
jsonpath "$.status" == "paid"
jsonpath "$.items" count == 2

"""
BRUNO = """meta {{
  name: order{number}
  type: http
  seq: {number}
}}
get {{
  url: {url}
  body: none
  auth: none
}}
vars:post-response {{
  order: res.body.next
}}
assert {{
  res.status: eq 200
  res.body.status: eq paid
  res.body.items: length 2
}}
"""


def rounds_case(name: str) -> dict[str, Any]:
    """The case as Rounds has it."""
    steps = [
        {
            "name": f"order {number}",
            "type": "request",
            "request": {"method": "GET", "url": url},
            "captures": [{"name": "order", "query": {"type": "jsonpath", "expr": "$.next"}}],
            "asserts": [
                {"query": {"type": "status"}, "predicate": "==", "value": 200},
                {"query": {"type": "jsonpath", "expr": "$.status"}, "predicate": "==", "value": "paid"},
                {"query": {"type": "jsonpath", "expr": "$.items"}, "predicate": "count", "value": 2},
            ],
        }
        for number, url in _urls("{{base_url}}", "{{order}}")
    ]
    return {"apiVersion": "rounds/v1", "kind": "Case", "name": name, "steps": steps}


def _urls(base: str, captured: str) -> Iterator[tuple[int, str]]:
    return ((number, f"{base}/orders/{'1' if number == 1 else captured}") for number in range(1, STEPS + 1))


def _newman(base: str, _cases: int) -> Files:
    event = [{"listen": "test", "script": {"type": "text/javascript", "exec": NEWMAN_SCRIPT.splitlines()}}]
    items = [
        {"name": f"order {number}", "event": event, "request": {"method": "GET", "url": url}}
        for number, url in _urls(base, "{{order}}")
    ]
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    yield "orders.json", json.dumps({"info": {"name": "orders", "schema": schema}, "item": items})


def _tavern(base: str, cases: int) -> Files:
    body = {"status": "paid", "items": [{"sku": "A-1"}, {"sku": "B-2"}]}
    response = {"status_code": 200, "strict": ["json:off"], "json": body, "save": {"json": {"order": "next"}}}
    stages = [
        {"name": f"order {number}", "request": {"url": url, "method": "GET"}, "response": response}
        for number, url in _urls(base, "{order}")
    ]
    for case in range(cases):
        yield f"test_{case}.tavern.yaml", json.dumps({"test_name": f"case {case}", "stages": stages})  # YAML reads JSON


def _httprunner(base: str, cases: int) -> Files:
    checks = [{"eq": ["status_code", 200]}, {"eq": ["body.status", "paid"]}, {"length_equal": ["body.items", 2]}]
    steps = [
        {
            "name": f"order {number}",
            "request": {"method": "GET", "url": url},
            "extract": {"order": "body.next"},
            "validate": checks,
        }
        for number, url in _urls("", "$order")
    ]
    for case in range(cases):
        content = {"config": {"name": f"case {case}", "base_url": base}, "teststeps": steps}
        yield f"case{case}.json", json.dumps(content)


def _bruno(base: str, _cases: int) -> Files:
    yield "bruno.json", json.dumps({"version": "1", "name": "orders", "type": "collection"})
    for number, url in _urls(base, "{{order}}"):
        yield f"order{number}.bru", BRUNO.format(number=number, url=url)


def _step_ci(base: str, cases: int) -> Files:
    check = {"status": 200, "jsonpath": {"$.status": "paid", "$.items.length": 2}}
    steps = [
        {
            "name": f"order {number}",
            "http": {"url": url, "method": "GET", "captures": {"order": {"jsonpath": "$.next"}}, "check": check},
        }
        for number, url in _urls(base, "${{captures.order}}")
    ]
    tests = {f"case{case}": {"steps": steps} for case in range(cases)}
    yield "orders.json", json.dumps({"version": "1.1", "name": "orders", "tests": tests})


def _hurl(base: str, _cases: int) -> Files:
    yield "case.hurl", "".join(HURL.format(url=url) for _, url in _urls(base, "{{order}}"))


@dataclass(frozen=True)
class Peer:
    """Another tool."""

    packages: tuple[str, ...]
    program: str
    files: Callable[[str, int], Files]
    arguments: Callable[[int], list[str]]
    cases: int
    """How many are run; the slow ones run fewer."""
    times: float
    """At how many times of its speed Rounds has to be."""
    install: Callable[..., Awaitable[Path]] = peers.node_with


PEERS = {
    "newman": Peer(
        ("newman",), "newman", _newman, lambda n: ["run", "orders.json", "-n", str(n), "-r", "progress"], 200, 20
    ),
    "Tavern": Peer(
        ("tavern", "pytest<9"), "pytest", _tavern, lambda _: ["-q", "-p", "no:cacheprovider", "."], 200, 20,
        peers.python_with,
    ),
    "HttpRunner": Peer(
        ("httprunner", "setuptools<81", "black"), "hrun", _httprunner, lambda _: ["."], 100, 20,
        peers.python_with,
    ),
    "Bruno": Peer(("@usebruno/cli",), "bru", _bruno, lambda n: ["run", "--iteration-count", str(n)], 100, 20),
    "Step CI": Peer(("stepci",), "stepci", _step_ci, lambda _: ["run", "orders.json"], 500, 5),
    "Hurl": Peer(
        ("hurl@8.0.1",), "hurl", _hurl,
        lambda n: ["--test", "--jobs", "1", "--repeat", str(n), "case.hurl"], 4000, 1, peers.cargo_with,
    ),
}  # fmt: skip


async def steps_per_second(name: str, target: str, folder: Path, cases: int) -> float:
    """Speed of a tool; its start, as long as one case takes, is not counted.

    Raises: RuntimeError when it cannot be had, or finds a fault in the cases.
    """
    peer = PEERS[name]
    path = await peer.install(peer.program, *peer.packages)
    program = shutil.which(peer.program, path=str(path))
    if program is None:
        raise RuntimeError(f"its package has no program for this machine: {' '.join(peer.packages)}")

    env = {"PATH": f"{path}:/usr/bin:/bin", "STEPCI_DISABLE_ANALYTICS": "1"}

    async def seconds(count: int) -> float:
        own = folder / f"{peer.program}-{count}"
        own.mkdir()
        for file, content in peer.files(target, count):
            (own / file).write_text(content)
        for tries_left in (2, 1, 0):
            began = time.perf_counter()
            try:
                await output_of([program, *peer.arguments(count)], own, RUN_SECONDS, env)
                break
            except RuntimeError:
                # Bruno's first requests sometimes come before its sandbox is loaded
                if not tries_left:
                    raise
        return time.perf_counter() - began

    start = await seconds(1)
    return (cases - 1) * STEPS / max(await seconds(cases) - start, 1e-3)
