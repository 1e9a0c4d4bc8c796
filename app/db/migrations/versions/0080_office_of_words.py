"""With the reasons that people give stands their office, whose colleagues read them as typed; those of before are their author's alone."""

import sqlalchemy as sa
from alembic import op

revision = "0080"
down_revision = "0079"
branch_labels = None
depends_on = None

TABLES = ("full_views", "approvals", "emergency_reads", "legal_holds")


def upgrade() -> None:
    """Nobody's office is known yet."""
    for table in TABLES:
        op.add_column(table, sa.Column("office", sa.String(80)))
    op.add_column("emergency_reads", sa.Column("review_office", sa.String(80)))


def downgrade() -> None:
    """As before."""
    op.drop_column("emergency_reads", "review_office")
    for table in TABLES:
        op.drop_column(table, "office")
