"""The papers of data protection."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"


def upgrade() -> None:
    """A table whose rows only come."""
    op.create_table(
        "compliance_papers",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compliance_papers")),
        comment="合规审计 and 影响评估 as PDF, of counts and rules alone. They only come: an assessment is kept for three years at least.",
    )
    op.create_index(op.f("ix_compliance_papers_kind_year_made_at"), "compliance_papers", ["kind", "year", "made_at"])
    op.execute(f"revoke update, delete, truncate on compliance_papers from {ROLES}")


def downgrade() -> None:
    """What was made is lost: keep a copy."""
    op.drop_table("compliance_papers")
