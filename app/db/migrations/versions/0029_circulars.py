"""The circular of each month."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table."""
    op.create_table(
        "circulars",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_circulars")),
        comment="The circular of each month as PDF: counts by street and agency, of nobody.",
    )


def downgrade() -> None:
    """They can be made again from the ledger."""
    op.drop_table("circulars")
