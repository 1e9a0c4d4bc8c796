"""The registers of what no software can do itself: lines that are only ever added."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table for all kinds of register; the kinds stand in the pack."""
    op.create_table(
        "register_entries",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("book", sa.String(40), nullable=False),
        sa.Column("desk", sa.String(40), nullable=False),
        sa.Column("division", sa.String(9), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(40)),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("private", postgresql.JSONB(), nullable=False),
        sa.Column("review_at", sa.DateTime(timezone=True)),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("behalf", sa.String(80)),
        sa.PrimaryKeyConstraint("id", "version", name="pk_register_entries"),
        comment="Append-only; each line of an entry with its author and time. `private` holds persons, addresses and numbers.",
    )
    op.create_index("ix_register_entries_book_desk", "register_entries", ["book", "desk"])
    op.create_index("ix_register_entries_review_at", "register_entries", ["review_at"])
    op.execute(
        "create trigger only_appended before update or delete or truncate on register_entries"
        " for each statement execute function only_appended()"
    )


def downgrade() -> None:
    """What was entered is lost."""
    op.drop_table("register_entries")
