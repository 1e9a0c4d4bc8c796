"""Versions of the rules are published by two persons for a day to come."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The files themselves, so that a case can be understood after any release."""
    op.create_table(
        "policy_versions",
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("files", postgresql.JSONB(), nullable=False),
        sa.Column("proposed_by", sa.String(80), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(80)),
        sa.Column("approved_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("version", name="pk_policy_versions"),
        sa.CheckConstraint("approved_by <> proposed_by", name="ck_policy_versions_two_persons"),
    )


def downgrade() -> None:
    """Cases of a published version cannot be read without it."""
    op.drop_table("policy_versions")
