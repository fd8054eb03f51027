"""Tavern's YAML: its tags, its includes, and anchors that last for a whole file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Tagged:
    """A value with a YAML tag of Tavern's."""

    tag: str
    value: Any


class _Loader(yaml.SafeLoader):
    """Keeps anchors from one document of a file to the next, as Tavern does."""

    folder: Path

    def compose_document(self) -> yaml.Node | None:
        self.get_event()  # type: ignore[no-untyped-call]  # the stub tells no types
        node = self.compose_node(None, None)  # type: ignore[arg-type]
        self.get_event()  # type: ignore[no-untyped-call]
        return node


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> Any:  # noqa: ANN401 (YAML)
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix == "include":
        path = loader.folder / str(value)
        if path.suffix not in {".yaml", ".json"} or not path.exists():
            return Tagged("include of another file", value)
        found = next(documents(path))
        return found if path.suffix == ".yaml" else _doubled(found)
    return Tagged(suffix, value)


def _doubled(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """Braces as they are written where they are no template: of a JSON file none is."""
    if isinstance(value, str):
        return value.replace("{", "{{").replace("}", "}}")
    if isinstance(value, dict):
        return {_doubled(key): _doubled(item) for key, item in value.items()}
    return [_doubled(item) for item in value] if isinstance(value, list) else value


_Loader.add_multi_constructor("!", _tagged)


def documents(path: Path) -> Iterator[Any]:
    """The documents of a file, what they include put in."""
    loader = _Loader(path.read_text())
    loader.folder = path.parent
    while loader.check_data():  # type: ignore[no-untyped-call]
        yield loader.get_data()
