"""What the rules find in a report depends on what the joint conference resolved as well; what was kept is made again."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Emptied, for everything in it follows from reports and events."""
    op.execute("delete from case_outcomes")
    op.drop_constraint("pk_case_outcomes", "case_outcomes", type_="primary")
    op.drop_column("case_outcomes", "judged")
    op.add_column("case_outcomes", sa.Column("since", sa.String(120), nullable=False))
    op.create_primary_key("pk_case_outcomes", "case_outcomes", ["case_id", "policy", "since"])


def downgrade() -> None:
    """Judgments alone."""
    op.execute("delete from case_outcomes")
    op.drop_constraint("pk_case_outcomes", "case_outcomes", type_="primary")
    op.drop_column("case_outcomes", "since")
    op.add_column("case_outcomes", sa.Column("judged", sa.Boolean(), nullable=False))
    op.create_primary_key("pk_case_outcomes", "case_outcomes", ["case_id", "policy", "judged"])
