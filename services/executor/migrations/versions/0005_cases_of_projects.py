"""Cases by project: which of them failed last."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("CREATE INDEX known_case_project_id_idx ON known_case (project_id)")
