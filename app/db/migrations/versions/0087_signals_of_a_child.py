"""Whoever verifies a warning reads what the signal said that opened it: found by the child, for the table is long."""

import sqlalchemy as sa
from alembic import op

revision = "0087"
down_revision = "0086"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of those that are about a known child."""
    op.create_index(
        "ix_signals_child", "signals", ["child_id", "warning"], postgresql_where=sa.text("child_id is not null")
    )


def downgrade() -> None:
    """Nobody asks by the child."""
    op.drop_index("ix_signals_child", "signals")
