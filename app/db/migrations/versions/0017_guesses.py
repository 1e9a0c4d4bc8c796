"""Wrong guesses at codes and passwords by a keyed hash of the address."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has guessed yet."""
    op.create_table(
        "guesses",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("wrong_at", postgresql.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_guesses")),
        comment="Instants of wrong guesses by a keyed hash of the address; rows go an hour after the last.",
    )
    op.create_index(op.f("ix_guesses_seen_at"), "guesses", ["seen_at"])


def downgrade() -> None:
    """All are forgotten."""
    op.drop_table("guesses")
