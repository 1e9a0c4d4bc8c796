"""Whom a school has registered within a year is found by an index: every event of that year was read for it."""

from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of registrations alone, by the unit or, of before it was written, the person."""
    op.execute(
        "create index ix_events_registered on events (coalesce(body ->> 'unit', by), at)"
        " where kind = 'change_entered' and body ->> 'field' = 'registration'"
    )


def downgrade() -> None:
    """Every event of the year is read again."""
    op.drop_index("ix_events_registered", table_name="events")
