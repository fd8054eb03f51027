"""Public test suites, judged by Rounds: `python -m bench.conformance [--hurl DIR] [--tavern DIR] [--jsonpath DIR]`.

Each DIR is a copy of the suite's repository. Their test servers run beside, on the ports that the suites are written
for, with their packages in `.cache/bench`. The verdict on each test is compared with the tool's own; the counts go into
`docs/conformance.md` for the suites that were given. Exit code 1 when a verdict differs.
"""

import argparse
import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.conformance import hurl, jsonpath, tavern
from bench.conformance.judge import CannotSay, Suite, judged
from bench.peers import python_with
from services.executor.clients.http import HttpClient

PACKAGES = ("flask", "flask-httpauth", "pyjwt", "python-box", "itsdangerous", "brotli")
PAGE = Path("docs/conformance.md")


@asynccontextmanager
async def _server(folder: Path, *command: str, port: int) -> AsyncIterator[None]:
    """A suite's own test server."""
    python = await python_with("conformance", *PACKAGES)
    process = await asyncio.create_subprocess_exec(
        str(python / "python"), *command, cwd=folder,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                break
        else:
            raise RuntimeError(f"the server of {folder} does not listen on {port}")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _tavern(folder: Path) -> Suite:
    suite = Suite("Tavern's integration tests", "`tests/integration/*.tavern.yaml` of taverntesting/tavern")
    client = HttpClient()
    server = "import server; server.app.run(host='127.0.0.1', port=5003, threaded=True)"
    async with _server(folder / "tests" / "integration", "-c", server, port=5003):
        for name, expected, cases in tavern.tests(folder):
            if isinstance(cases, CannotSay):
                suite.unsaid[str(cases)] += 1
                continue
            found = [await judged(case, client) for case in cases]
            _note(suite, name, expected, found)
    await client.close()
    return suite


async def _hurl(folder: Path) -> Suite:
    suite = Suite("Hurl's integration tests", "`integration/hurl/tests_{ok,failed}/*.hurl` of Orange-OpenSource/hurl")
    suite.notes += [
        "",
        "Both are meant: a body that does not decode reads as U+FFFD here, which `matches` then sees, and an attribute",
        "of a cookie is its text, whether or not that is a date. Hurl refuses either.",
    ]
    client = HttpClient()
    base = folder / "integration" / "hurl"
    async with _server(base, "server.py", port=8000):
        for name, expected, case in hurl.tests(base):
            if isinstance(case, CannotSay):
                suite.unsaid[str(case)] += 1
                continue
            _note(suite, name, expected, [await judged(case, client)])
    await client.close()
    return suite


def _note(suite: Suite, name: str, expected: str, found: list[tuple[str, str]]) -> None:
    """Count a test: of several sets of parameters each has to come out alike."""
    verdict = "red" if any(colour == "red" for colour, _ in found) else "green"
    if verdict == expected:
        suite.same[verdict] += 1
    else:
        why = next((why for colour, why in found if colour == "red"), "")
        suite.other.append(f"{name}: {expected} there, {verdict} here. {why}".rstrip())


def _section(suite: Suite) -> str:
    """A suite's counts as Markdown."""
    lines = [
        f"## {suite.name}",
        "",
        f"{suite.source}: {suite.total} tests.",
        "",
        "| | tests |",
        "| --- | --- |",
        f"| judged as the tool judges, green | {suite.same['green']} |",
        f"| judged as the tool judges, red | {suite.same['red']} |",
        f"| judged otherwise | {len(suite.other)} |",
        f"| not expressible in the case format | {sum(suite.unsaid.values())} |",
        *(
            f"| – {reason} | {count} |"
            for reason, count in sorted(suite.unsaid.items(), key=lambda one: (-one[1], one))
        ),
        "",
        *(f"- {one}" for one in suite.other),
        *suite.notes,
    ]
    return "\n".join(lines).rstrip() + "\n"


def _write(suites: list[Suite]) -> None:
    """Put the sections of these suites in place of their older ones."""
    text = PAGE.read_text()
    for suite in suites:
        pattern = re.compile(rf"## {re.escape(suite.name)}\n.*?(?=\n## |\Z)", re.DOTALL)
        section = _section(suite)
        found = pattern.search(text)
        text = text[: found.start()] + section + text[found.end() :] if found else f"{text}\n{section}"
    PAGE.write_text(text)


def main() -> None:
    """Judge the suites that were given."""
    parser = argparse.ArgumentParser(prog="python -m bench.conformance", description=__doc__)
    for name in ("hurl", "tavern", "jsonpath"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR")
    options = parser.parse_args()
    suites = []
    if options.jsonpath:
        suites.append(jsonpath.judge(options.jsonpath))
    if options.tavern:
        suites.append(asyncio.run(_tavern(options.tavern)))
    if options.hurl:
        suites.append(asyncio.run(_hurl(options.hurl)))
    for suite in suites:
        print(_section(suite))
    _write(suites)
    sys.exit(1 if any(suite.other for suite in suites) else 0)


if __name__ == "__main__":
    main()
