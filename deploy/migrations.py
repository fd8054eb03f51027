"""Whether a migration lets the code of the version before go on working: it may add, and take nothing away.

What old code still needs goes in a later version, by a migration that says so: `contracts = "…"`, with the version
since which no code uses what is dropped.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

VERSIONS = "services/*/migrations/versions/*.py"
FIRST = "0001"
"""There was no code before it."""

TAKES_AWAY = {
    r"\bDROP (TABLE|COLUMN|SCHEMA|FUNCTION|TYPE|VIEW)\b": "drops what old code may use",
    r"\bRENAME\b": "renames what old code knows by its name; add the new one beside it",
    r"\bALTER COLUMN \S+ (SET DATA )?TYPE\b": "retypes a column; add another one",
    r"\bSET NOT NULL\b": "requires what old code may leave out",
    r"\bADD COLUMN (?:(?!DEFAULT|,|;).)*\bNOT NULL\b(?:(?!DEFAULT|,|;).)*(?:,|;|$)": "adds a required column that "
    "has no default",
    r"\bADD CONSTRAINT (?:(?!NOT VALID|;).)*(?:;|$)": "adds a constraint that old code may break and that locks the "
    "table while it is checked; add it NOT VALID",
    r"\bTRUNCATE\b": "empties a table",
}
DROPS = {"drop_table", "drop_column", "drop_constraint", "alter_column", "rename_table"}


def faults(root: Path) -> Iterator[str]:
    """What the migrations under a project's root do that old code would not survive."""
    for path in sorted(root.glob(VERSIONS)):
        if not path.name.startswith(FIRST):
            yield from (f"{path.relative_to(root)}: {fault}" for fault in migration_faults(path.read_text()))


def migration_faults(source: str) -> Iterator[str]:
    """The same of one migration, from its text; nothing when it says what it `contracts`."""
    module = ast.parse(source)
    names = {target.id for node in module.body if isinstance(node, ast.Assign) for target in node.targets
             if isinstance(target, ast.Name)}  # fmt: skip
    if "contracts" in names:
        return
    down = [node for node in module.body if not (isinstance(node, ast.FunctionDef) and node.name == "downgrade")]
    nodes = [node for part in down for node in ast.walk(part)]
    called = {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    yield from (f"op.{name} is not for what old code uses" for name in sorted(called & DROPS))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    sql = re.sub(r"\s+", " ", "; ".join(texts))
    yield from (fault for pattern, fault in TAKES_AWAY.items() for _ in re.finditer(pattern, sql, re.IGNORECASE))
