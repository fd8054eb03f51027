"""The generated files are current, and the command notices when they are not."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from contracts.generate import ROOT, differences, schema
from contracts.topics import TOPICS, Topic


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts")
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "asyncapi.yaml", tmp_path / "docs")
    return tmp_path


def generate(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "contracts.generate", *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from [value] if name == "$ref" else references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_committed_files_are_what_would_be_generated() -> None:
    assert differences() == []


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_schema_is_a_valid_json_schema(topic: Topic) -> None:
    Draft202012Validator.check_schema(schema(topic.event))


def test_a_changed_a_missing_and_a_left_over_file_are_named_and_put_right(copy: Path) -> None:
    schemas = copy / "contracts" / "schemas"
    assert generate(copy, "--check") == (0, "")
    (schemas / "task.due.v1.json").write_text("{}\n")
    (schemas / "task.overdue.v1.json").write_text("{}\n")
    (schemas / "case.v1.json").write_text("{}\n")
    (copy / "docs" / "asyncapi.yaml").unlink()
    status, said = generate(copy, "--check")
    assert status == 1
    assert {line.split()[0] for line in said.splitlines()} == {
        "contracts/schemas/task.due.v1.json",
        "contracts/schemas/task.overdue.v1.json",
        "docs/asyncapi.yaml",
    }
    assert generate(copy) == (0, "")
    assert generate(copy, "--check") == (0, "")
    assert (schemas / "case.v1.json").exists(), "the case document's schema is no event's"


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text("utf-8"))
    assert document["channels"].keys() == {topic.name for topic in TOPICS}
    for reference in references(document):
        file, _, pointer = reference.partition("#")
        assert not file or (ROOT / "docs" / file).is_file(), reference
        node = document
        for step in pointer.split("/")[1:]:
            node = node[step]
