"""With a report stands the office whose people read it as typed; one of before is its author's alone."""

import sqlalchemy as sa
from alembic import op

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody's office is known yet: where an author sits today says nothing of where it was typed."""
    op.add_column("reports", sa.Column("office", sa.String(80)))


def downgrade() -> None:
    """As before."""
    op.drop_column("reports", "office")
