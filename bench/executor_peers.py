"""The same cases as other tools write them, and how they are run."""

import json
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench import peers
from bench.stack import output_of

STEPS = 5
RUN_SECONDS = 600
FIRST = "1"
"""The order that the first step asks for; each next one asks for what the step before captured."""


def rounds_case(name: str) -> dict[str, Any]:
    """The case as Rounds has it: five GETs, each with three assertions and a capture that the next one uses."""

    def step(number: int) -> dict[str, Any]:
        order = FIRST if number == 1 else f"{{{{order{number - 1}}}}}"
        return {
            "name": f"order {number}",
            "type": "request",
            "request": {"method": "GET", "url": f"{{{{base_url}}}}/orders/{order}"},
            "captures": [{"name": f"order{number}", "query": {"type": "jsonpath", "expr": "$.next"}}],
            "asserts": [
                {"query": {"type": "status"}, "predicate": "==", "value": 200},
                {"query": {"type": "jsonpath", "expr": "$.status"}, "predicate": "==", "value": "paid"},
                {"query": {"type": "jsonpath", "expr": "$.items"}, "predicate": "count", "value": 2},
            ],
        }

    steps = [step(number) for number in range(1, STEPS + 1)]
    return {"apiVersion": "rounds/v1", "kind": "Case", "name": name, "steps": steps}


async def steps_per_second(run: Callable[[int], Awaitable[None]], cases: int) -> float:
    """Speed of a tool whose `run(n)` runs n cases; its start, as long as one case takes, is not counted."""
    began = time.perf_counter()
    await run(1)
    start = time.perf_counter() - began
    began = time.perf_counter()
    await run(cases)
    return (cases - 1) * STEPS / max(time.perf_counter() - began - start, 1e-3)


async def newman(url: str, folder: Path, cases: int) -> float:
    """Postman's command line. Raises: RuntimeError."""
    program = await peers.node_with("newman", "newman") / "newman"
    script = [
        "const body = pm.response.json();",
        "pm.test('status', () => pm.response.to.have.status(200));",
        "pm.test('paid', () => pm.expect(body.status).to.eql('paid'));",
        "pm.test('items', () => pm.expect(body.items.length).to.eql(2));",
        "pm.variables.set('order', body.next);",
    ]
    item = [
        {
            "name": f"order {number}",
            "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": script}}],
            "request": {"method": "GET", "url": f"{url}/orders/{FIRST if number == 1 else '{{order}}'}"},
        }
        for number in range(1, STEPS + 1)
    ]
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    collection = folder / "newman.json"
    collection.write_text(json.dumps({"info": {"name": "orders", "schema": schema}, "item": item}))

    async def run(count: int) -> None:
        command = [str(program), "run", str(collection), "-n", str(count), "--reporters", "progress"]
        await output_of(command, folder, RUN_SECONDS)

    return await steps_per_second(run, cases)


async def tavern(url: str, folder: Path, cases: int) -> float:
    """Tavern, one pytest process. Raises: RuntimeError."""
    python = await peers.python_with("tavern", "tavern") / "python"
    stages = [
        {
            "name": f"order {number}",
            "request": {"url": f"{url}/orders/{FIRST if number == 1 else '{order}'}", "method": "GET"},
            "response": {
                "status_code": 200,
                "strict": ["json:off"],
                "json": {"status": "paid", "items": [{"sku": "A-1"}, {"sku": "B-2"}]},
                "save": {"json": {"order": "next"}},
            },
        }
        for number in range(1, STEPS + 1)
    ]

    async def run(count: int) -> None:
        own = folder / f"tavern-{count}"
        own.mkdir()
        for number in range(count):
            test = json.dumps({"test_name": f"case {number}", "stages": stages})  # YAML reads JSON
            (own / f"test_{number}.tavern.yaml").write_text(test)
        await output_of([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(own)], own, RUN_SECONDS)

    return await steps_per_second(run, cases)


async def httprunner(url: str, folder: Path, cases: int) -> float:
    """HttpRunner, one process. Raises: RuntimeError."""
    program = await peers.python_with("httprunner", "httprunner", "setuptools<81") / "hrun"
    steps = [
        {
            "name": f"order {number}",
            "request": {"method": "GET", "url": f"/orders/{FIRST if number == 1 else '$order'}"},
            "extract": {"order": "body.next"},
            "validate": [
                {"eq": ["status_code", 200]}, {"eq": ["body.status", "paid"]}, {"length_equal": ["body.items", 2]},
            ],
        }
        for number in range(1, STEPS + 1)
    ]  # fmt: skip

    async def run(count: int) -> None:
        own = folder / f"httprunner-{count}"
        own.mkdir()
        for number in range(count):
            case = {"config": {"name": f"case {number}", "base_url": url}, "teststeps": steps}
            (own / f"case{number}.json").write_text(json.dumps(case))
        path = f"{program.parent}:/usr/bin:/bin"  # it calls `black`
        await output_of([str(program), "--continue-on-collection-errors", str(own)], own, RUN_SECONDS, {"PATH": path})

    return await steps_per_second(run, cases)


async def bruno(url: str, folder: Path, cases: int) -> float:
    """Bruno's command line in its default sandbox. Raises: RuntimeError."""
    program = await peers.node_with("bruno", "@usebruno/cli") / "bru"
    own = folder / "bruno"
    own.mkdir()
    (own / "bruno.json").write_text(json.dumps({"version": "1", "name": "orders", "type": "collection"}))
    for number in range(1, STEPS + 1):
        order = FIRST if number == 1 else "{{order}}"
        (own / f"order{number}.bru").write_text(f"""meta {{
  name: order{number}
  type: http
  seq: {number}
}}

get {{
  url: {url}/orders/{order}
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
""")

    async def run(count: int) -> None:
        await output_of([str(program), "run", "--iteration-count", str(count)], own, RUN_SECONDS)

    return await steps_per_second(run, cases)


async def step_ci(url: str, folder: Path, cases: int) -> float:
    """Step CI. Raises: RuntimeError."""
    program = await peers.node_with("stepci", "stepci") / "stepci"
    steps = [
        {
            "name": f"order {number}",
            "http": {
                "url": f"{url}/orders/{FIRST if number == 1 else '${{captures.order}}'}",
                "method": "GET",
                "captures": {"order": {"jsonpath": "$.next"}},
                "check": {"status": 200, "jsonpath": {"$.status": "paid", "$.items.length": 2}},
            },
        }
        for number in range(1, STEPS + 1)
    ]

    async def run(count: int) -> None:
        tests = {f"case{number}": {"steps": steps} for number in range(count)}
        workflow = folder / f"stepci-{count}.json"
        workflow.write_text(json.dumps({"version": "1.1", "name": "orders", "tests": tests}))
        await output_of([str(program), "run", str(workflow)], folder, RUN_SECONDS, {"STEPCI_DISABLE_ANALYTICS": "1"})

    return await steps_per_second(run, cases)


async def hurl(url: str, folder: Path, cases: int) -> float:
    """Hurl, one process. Raises: RuntimeError."""
    program = shutil.which("hurl")
    if program is None:
        await peers.node_with("hurl", "@orangeopensource/hurl")
        program = str(peers.FOLDER / "hurl" / "node_modules" / ".bin" / "hurl")
    asserts = 'HTTP 200\n[Captures]\norder: jsonpath "$.next"\n[Asserts]\njsonpath "$.status" == "paid"\n'
    asserts += 'jsonpath "$.items" count == 2\n'
    orders = [FIRST, *["{{order}}"] * (STEPS - 1)]
    (folder / "case.hurl").write_text("\n".join(f"GET {url}/orders/{order}\n{asserts}" for order in orders))

    async def run(count: int) -> None:
        # the same file again and again, one after the other in one process
        command = [program or "hurl", "--test", "--jobs", "1", "--repeat", str(count), str(folder / "case.hurl")]
        await output_of(command, folder, RUN_SECONDS)

    return await steps_per_second(run, cases)
