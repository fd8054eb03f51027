"""`python -m contracts.compatibility [--against REVISION|DIRECTORY]`: name every break of a published event schema.

Who reads an event may hold the schema of an older release, and who reads an old event (topics keep them, compacted
ones for ever) holds the newest. So a property may be added if it is optional, and everything else stays: a property
that is gone or may newly be missing breaks the one, a newly required one breaks the other, and another type or
another set of words breaks both. Such a change opens a new topic.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from contracts.generate import EVENT_SCHEMAS, ROOT, SCHEMAS

LAST_RELEASE = ROOT / "deploy" / "last-release"
"""Its version and its commit; a release ends with this file naming it."""

Schema = Mapping[str, Any]

ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "examples"}
DESCENDED = {"properties", "required", "items", "additionalProperties", "enum", "const"}


def breaks(old: Schema, new: Schema) -> list[str]:
    """What a change of a schema breaks, each as `path: what happened`; the root's path is `$`."""
    return list(_breaks("$", old, new, old.get("$defs", {}), new.get("$defs", {})))


def _breaks(path: str, old: Schema, new: Schema, old_defs: Schema, new_defs: Schema) -> Iterator[str]:
    before, after = _alternatives(old, old_defs), _alternatives(new, new_defs)
    if before.keys() != after.keys():
        yield f"{path}: was {' or '.join(sorted(before))}, is {' or '.join(sorted(after))}"
    for kind in sorted(before.keys() & after.keys()):
        yield from _breaks_of_kind(path, before[kind], after[kind], old_defs, new_defs)


def _breaks_of_kind(path: str, old: Schema, new: Schema, old_defs: Schema, new_defs: Schema) -> Iterator[str]:
    if _words(old) != _words(new):
        yield f"{path}: was one of {_words(old)}, is one of {_words(new)}"
    for keyword in sorted((old.keys() | new.keys()) - ANNOTATIONS - DESCENDED):
        if old.get(keyword) != new.get(keyword):
            yield f"{path}: {keyword} was {old.get(keyword)}, is {new.get(keyword)}"

    had, has = old.get("properties", {}), new.get("properties", {})
    must_before, must_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(had.keys() - has.keys()):
        yield f"{path}.{name}: is gone"
    for name in sorted(must_now - must_before):
        yield f"{path}.{name}: is newly required"
    for name in sorted((must_before - must_now) & has.keys()):
        yield f"{path}.{name}: may newly be missing"
    for name in sorted(had.keys() & has.keys()):
        yield from _breaks(f"{path}.{name}", had[name], has[name], old_defs, new_defs)

    for keyword, step in (("items", "[]"), ("additionalProperties", ".*")):
        if keyword in old or keyword in new:
            yield from _breaks(path + step, _inner(old, keyword), _inner(new, keyword), old_defs, new_defs)


def _alternatives(schema: Schema, defs: Schema) -> dict[str, Schema]:
    """What a value may be, by the word for its type: `null` and what else an `anyOf` names, one of each type."""
    if "$ref" in schema:
        return _alternatives(defs[schema["$ref"].removeprefix("#/$defs/")], defs)
    if "anyOf" in schema:
        return {kind: one for each in schema["anyOf"] for kind, one in _alternatives(each, defs).items()}
    kind = schema.get("type", "anything")
    return {f"{kind} ({schema['format']})" if "format" in schema else kind: schema}


def _words(schema: Schema) -> list[Any] | None:
    words = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if words is None else sorted(words, key=str)


def _inner(schema: Schema, keyword: str) -> Schema:
    value = schema.get(keyword)
    return value if isinstance(value, Mapping) else {}


def published(against: str) -> dict[str, Schema]:
    """The event schemas of a directory or a git revision, by file name.

    Raises: subprocess.CalledProcessError (no such revision).
    """
    if Path(against).is_dir():
        return {path.name: json.loads(path.read_text("utf-8")) for path in Path(against).glob(EVENT_SCHEMAS)}
    folder = SCHEMAS.relative_to(ROOT).as_posix()
    paths = [PurePosixPath(line) for line in _git("ls-tree", "--name-only", against, f"{folder}/").splitlines()]
    return {path.name: json.loads(_git("show", f"{against}:{path}")) for path in paths if path.match(EVENT_SCHEMAS)}


def last_release() -> tuple[str, str]:
    """The version and the git commit of the last release, of which its processes may still run.

    A clone that does not reach back to it fetches it from where it was cloned.

    Raises: RuntimeError when it cannot.
    """
    version, commit = LAST_RELEASE.read_text().split()
    if not _has(commit):
        try:
            _git("fetch", "--quiet", "--depth=1", "origin", commit)
        except subprocess.CalledProcessError as failed:
            message = f"this clone lacks the history back to {version}, commit {commit}: git fetch --unshallow"
            raise RuntimeError(message) from failed
    return version, commit


def _has(commit: str) -> bool:
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return not subprocess.run(command, cwd=ROOT, check=False, stderr=subprocess.DEVNULL).returncode  # noqa: S603


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


def main(arguments: Sequence[str] | None = None) -> int:
    """Name every break against a published set; the exit status is 1 where there is any, 2 where no set is found."""
    parser = argparse.ArgumentParser(prog="python -m contracts.compatibility", description=__doc__)
    parser.add_argument("--against", help="git revision or directory of schemas; default: the last release")
    against = parser.parse_args(arguments).against
    try:
        against = against or last_release()[1]
        before, present = published(against), published(str(SCHEMAS))
    except RuntimeError as failed:
        parser.error(str(failed))
    except subprocess.CalledProcessError as failed:
        parser.error(f"git cannot read {against}: {failed}")
    if not before:
        parser.error(f"no event schema is published at {against}")
    found = [
        f"{name} {broken}"
        for name, old in sorted(before.items())
        for broken in (breaks(old, present[name]) if name in present else ["$: is gone"])
    ]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
