"""Sums of days that are over, and lists of runs by status and by trigger."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = """
CREATE TABLE trend_day (
    kind varchar NOT NULL,
    id integer NOT NULL,
    environment_id integer NOT NULL,
    day date NOT NULL,
    total integer NOT NULL,
    passed integer NOT NULL,
    failed integer NOT NULL,
    error integer NOT NULL,
    duration_ms_p50 integer,
    duration_ms_p95 integer,
    flaky integer NOT NULL,
    CONSTRAINT trend_day_pkey PRIMARY KEY (kind, id, environment_id, day)
);
CREATE INDEX run_status_run_id_idx ON run (status, run_id);
CREATE INDEX run_trigger_run_id_idx ON run (trigger, run_id);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
