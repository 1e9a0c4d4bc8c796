"""Marks of children are found at once: what waits in the index to be sorted in is read through by every search, for each mark anew.

An import of thousands searches as often as it writes, in one transaction.
"""

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Sorted in as they are written."""
    op.execute("alter index ix_children_marks set (fastupdate = off)")
    op.execute("select gin_clean_pending_list('ix_children_marks'::regclass)")


def downgrade() -> None:
    """As PostgreSQL does unless told otherwise."""
    op.execute("alter index ix_children_marks reset (fastupdate)")
