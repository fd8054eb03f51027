"""`python -m caselang.schema [--check]`: write the JSON Schema of the case document from its models.

The only file of this package that touches a disk, and only as a command.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caselang.document import Case

PATH = Path(__file__).parents[1] / "contracts" / "schemas" / "case.v1.json"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a case document: the whole format, whatever of it can be run today."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Case.model_json_schema()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, or with `--check` tell whether it differs; the exit status is 1 where it does."""
    parser = argparse.ArgumentParser(prog="python -m caselang.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the committed file differs")
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if not parser.parse_args(arguments).check:
        PATH.write_text(text, "utf-8")
        return 0
    if PATH.exists() and PATH.read_text("utf-8") == text:
        return 0
    sys.stdout.write(f"{PATH.name} is not what would be generated\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
