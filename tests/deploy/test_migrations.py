"""A new version's schema must serve the old version's code, which still runs while processes are replaced."""

import pytest

from deploy.migrations import faults, migration_faults
from tests.support.stranger import ROOT

HARMLESS = [
    "ALTER TABLE task ADD COLUMN note text",
    "ALTER TABLE task ADD COLUMN note text NOT NULL DEFAULT ''",
    "ALTER TABLE task ADD COLUMN note text DEFAULT '' NOT NULL",
    "CREATE TABLE note (id integer NOT NULL, CONSTRAINT note_pkey PRIMARY KEY (id)); CREATE INDEX n ON note (id)",
    "CREATE INDEX task_note_idx ON task (note)",
    "ALTER TABLE task ADD CONSTRAINT task_note_check CHECK (note <> '') NOT VALID",
    "UPDATE task SET note = '' WHERE note IS NULL",
]
HARMFUL = {
    "ALTER TABLE task DROP COLUMN note": "drops",
    "DROP TABLE task": "drops",
    "alter table task rename column note to remark": "renames",
    "ALTER TABLE task ALTER COLUMN note TYPE integer": "retypes",
    "ALTER TABLE task ALTER COLUMN note SET NOT NULL": "requires",
    "ALTER TABLE task ADD COLUMN note text NOT NULL": "no default",
    "ALTER TABLE task ADD COLUMN a text DEFAULT '', ADD COLUMN b text NOT NULL": "no default",
    "ALTER TABLE task ADD CONSTRAINT task_note_check CHECK (note <> '')": "NOT VALID",
}


def migration(statement: str, more: str = "") -> str:
    return f'from alembic import op\n{more}\ndef upgrade():\n    op.execute("""{statement}""")\n'


@pytest.mark.parametrize("statement", HARMLESS)
def test_a_migration_that_adds_is_let_through(statement: str) -> None:
    assert list(migration_faults(migration(statement))) == []


@pytest.mark.parametrize("statement", HARMFUL)
def test_a_migration_that_old_code_would_not_survive_is_named(statement: str) -> None:
    (fault,) = migration_faults(migration(statement))
    assert HARMFUL[statement] in fault


def test_operations_of_alembic_count_too_and_the_way_back_does_not() -> None:
    assert list(migration_faults('def upgrade():\n    op.drop_column("task", "note")\n')) != []
    assert list(migration_faults('def downgrade():\n    op.drop_column("task", "note")\n')) == []


def test_what_no_code_uses_any_more_may_go_when_the_migration_says_so() -> None:
    dropping = migration("ALTER TABLE task DROP COLUMN note", 'contracts = "task.note, unused since 0.4"')
    assert list(migration_faults(dropping)) == []


def test_the_migrations_of_the_services_are_sound() -> None:
    assert list(faults(ROOT)) == []
