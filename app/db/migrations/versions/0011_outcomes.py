"""What the rules find in a report is kept, so that figures need not go through every report again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled as figures are asked for."""
    op.create_table(
        "case_outcomes",
        sa.Column("case_id", sa.String(80), nullable=False),
        sa.Column("policy", sa.String(60), nullable=False),
        sa.Column("judged", sa.Boolean(), nullable=False),
        sa.Column("children", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "policy", "judged", name="pk_case_outcomes"),
        comment="What a version of the rules finds in a report, in codes: made from the report once, and again by anybody.",
    )


def downgrade() -> None:
    """It can be made again."""
    op.drop_table("case_outcomes")
