"""Children whom nobody has reported: registered by a committee or a street, they have no case, nor has their watch."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Where there is no case, no wall of a case opens: such rows are seen by the desk that keeps them, through the door."""
    for table in ("children", "watches"):
        op.alter_column(table, "case_id", nullable=True)


def downgrade() -> None:
    """A child without a case has no place in the tables before."""
    for table in ("watches", "children"):
        op.execute(f"delete from {table} where case_id is null")
        op.alter_column(table, "case_id", nullable=False)
