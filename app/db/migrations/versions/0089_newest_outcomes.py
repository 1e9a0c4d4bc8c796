"""What the rules found says when: of each case the newest are kept, for every visit left a row behind that nobody asked for again."""

import sqlalchemy as sa
from alembic import op

revision = "0089"
down_revision = "0088"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those of before are as old as each other, and go as newer ones are made."""
    op.add_column(
        "case_outcomes", sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())
    )


def downgrade() -> None:
    """All are kept again."""
    op.drop_column("case_outcomes", "made_at")
