"""What the rules found in cases and of children that were destroyed went with none of them: it named the child in codes."""

from alembic import op

revision = "0094"
down_revision = "0093"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "delete from case_outcomes where case_id not in"
        " (select id from cases where erased_at is null union select id from children)"
    )


def downgrade() -> None:
    """What was destroyed stays so."""
