"""Jinja templates of a service: pages and mails."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


def templates(folder: Path, **filters: Callable[..., str]) -> Environment:
    """The templates in a folder. HTML is escaped; a name that is missing raises; blocks leave no blank lines."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment
