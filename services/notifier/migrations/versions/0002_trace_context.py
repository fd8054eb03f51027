"""Where a run that is told of comes from."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE completed_run ADD COLUMN traceparent varchar")
