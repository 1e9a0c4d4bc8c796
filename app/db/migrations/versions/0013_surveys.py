"""Surveys of the public: one-time codes, and answers that name nobody."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing leads from one table to the other, nor to a case."""
    op.create_table(
        "survey_invitations",
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("survey", sa.String(40), nullable=False),
        sa.Column("issued_by", sa.String(80), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False, server_default="false"),
        sa.PrimaryKeyConstraint("code_hash", name="pk_survey_invitations"),
        comment="One-time codes; to whom one was handed is not known, nor when it was used.",
    )
    op.create_table(
        "survey_answers",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("survey", sa.String(40), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("marks", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_survey_answers"),
        comment="Marks by question, with the month alone; nothing leads from here to a code, a person or a case.",
    )
    op.create_index("ix_survey_answers_survey_month", "survey_answers", ["survey", "month"])


def downgrade() -> None:
    """The answers are lost."""
    op.drop_table("survey_answers")
    op.drop_table("survey_invitations")
