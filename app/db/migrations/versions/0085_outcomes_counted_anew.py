"""What the rules found is found again: categories that wait for a decision count since, and rows that were kept before know nothing of them."""

from alembic import op

revision = "0085"
down_revision = "0084"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Each is made from its report again as it is read."""
    op.execute("delete from case_outcomes")


def downgrade() -> None:
    """Likewise by the rules of before."""
    op.execute("delete from case_outcomes")
