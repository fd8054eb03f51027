"""Where a task comes from."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE task ADD COLUMN traceparent text")
