"""Screening rounds: who was asked, when, and what each unit has answered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A stream like a case or a watch, and its units to list by."""
    table, instant = sa.Column, sa.DateTime(timezone=True)
    op.create_table(
        "rounds",
        table("id", sa.String(80), nullable=False),
        table("version", sa.Integer(), nullable=False),
        table("conducted_version", sa.Integer(), nullable=False, server_default="0"),
        table("policy", sa.String(60), nullable=False),
        table("progress", postgresql.JSONB(), nullable=False),
        table("is_open", sa.Boolean(), nullable=False),
        table("next_deadline_at", instant),
        table("division", sa.String(9), nullable=False),
        table("code", sa.String(40), nullable=False),
        table("organiser", sa.String(20), nullable=False),
        table("opened_at", instant, nullable=False),
        table("due_at", instant, nullable=False),
        table("closed_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_rounds"),
        comment="Screening rounds; who is asked in each stands in round_units.",
    )
    behind = sa.text("version > conducted_version")
    op.create_index("ix_rounds_behind", "rounds", ["id"], postgresql_where=behind)
    op.create_index("ix_rounds_code_opened_at", "rounds", ["code", "opened_at"])
    op.create_table(
        "round_units",
        table("round_id", sa.String(80), nullable=False),
        table("unit", sa.String(80), nullable=False),
        table("desk", sa.String(40), nullable=False),
        table("due_at", instant, nullable=False),
        table("is_open", sa.Boolean(), nullable=False),
        table("returned_at", instant),
        table("late", sa.Boolean(), nullable=False),
        table("screened", sa.Integer(), nullable=False),
        table("found", sa.Integer(), nullable=False),
        table("joined", postgresql.ARRAY(sa.String(20)), nullable=False),
        sa.PrimaryKeyConstraint("round_id", "unit", name="pk_round_units"),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name="fk_round_units_round_id"),
        comment="What each unit owes in a round, and what it has answered.",
    )
    op.create_index("ix_round_units_unit_round_id", "round_units", ["unit", "round_id"])


def downgrade() -> None:
    """The rounds are lost; their events stay."""
    op.drop_table("round_units")
    op.drop_table("rounds")
