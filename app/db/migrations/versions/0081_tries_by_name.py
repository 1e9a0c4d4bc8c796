"""Wrong tries are counted by the name that was typed, whether or not there is an account by it: those of accounts were kept for good."""

import sqlalchemy as sa
from alembic import op

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """They stand in `guesses`."""
    op.drop_column("accounts", "failures")
    op.drop_column("accounts", "waits_until")


def downgrade() -> None:
    """What was counted meanwhile is forgotten within the hour."""
    op.add_column("accounts", sa.Column("failures", sa.Integer, nullable=False, server_default="0"))
    op.add_column("accounts", sa.Column("waits_until", sa.DateTime(timezone=True)))
