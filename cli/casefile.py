"""Cases as files of YAML."""

import sys
from pathlib import Path

from pydantic import JsonValue

from caselang.document import parse
from caselang.faults import DocumentInvalid
from caselang.yamltext import load_yaml
from cli.output import fail


def read(file: Path) -> JsonValue:
    """The document in a file, valid or not; `-` is standard input.

    Raises: typer.Exit when it cannot be read or is no YAML.
    """
    try:
        document: JsonValue = load_yaml(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    except DocumentInvalid as error:
        fail(f"{file}: {error.faults[0].message}")
    except UnicodeDecodeError:
        fail(f"{file} is no text in UTF-8")
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    return document


def validate(file: Path) -> str:
    """The name of the case in a file.

    Raises: typer.Exit when it has faults, naming each with its place.
    """
    try:
        return parse(read(file)).name
    except DocumentInvalid as error:
        fail(f"{file} is no valid case\n" + "\n".join(f"  {one.field}: {one.message}" for one in error.faults))
