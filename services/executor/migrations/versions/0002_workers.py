"""Workers tell that they live."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE worker (
            worker_id varchar NOT NULL,
            capacity integer NOT NULL,
            started_at timestamptz NOT NULL,
            seen_at timestamptz NOT NULL,
            CONSTRAINT worker_pkey PRIMARY KEY (worker_id)
        )
    """)
