"""What an environment says about TLS."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Null for every environment there is."""
    op.execute("""
        ALTER TABLE environment
            ADD COLUMN ca_bundle text, ADD COLUMN client_certificate text, ADD COLUMN client_key text
    """)
