"""`python -m bench [PART]… [--quick]`: measures, prints tables, writes JSON to `build/bench/`."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench import executor, lists, loop, reports, scheduler, viewers
from bench.report import Report

PARTS = {
    "scheduler": scheduler.measure,
    "burst": scheduler.measure_burst,
    "executor": executor.measure,
    "loop": loop.measure,
    "memory": executor.measure_memory,
    "lists": lists.measure,
    "reports": reports.measure,
    "viewers": viewers.measure,
}
APART = ("burst", "memory")
"""A part of another one, and one that takes 25 minutes: they run when they are asked for."""


def main() -> None:
    """Run the parts asked for. Exit code 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default: all but {' and '.join(APART)}"
    )
    parser.add_argument("--quick", action="store_true", help="small numbers: shows that it works, not how fast")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    reached = True
    for name in options.parts or [part for part in PARTS if part not in APART]:
        print(f"{name} …", flush=True)
        report = Report(name, options.quick)
        with tempfile.TemporaryDirectory(prefix=f"rounds-bench-{name}-") as folder:
            Path(folder).chmod(0o755)
            asyncio.run(PARTS[name](report, Path(folder)))
        reached = report.finish() and reached
    sys.exit(0 if reached else 1)


if __name__ == "__main__":
    main()
