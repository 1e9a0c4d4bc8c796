"""Whether the clock of a leg stood still is found by an index: every event of the case was read for each of its deadlines."""

from alembic import op

revision = "0086"
down_revision = "0085"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of what stops such a clock or lets it go on alone, which is one event in thirty."""
    op.execute(
        "create index ix_events_clocks on events (stream_id, (body ->> 'referral_id'), version)"
        " where kind in ('clock_paused', 'referral_returned', 'clock_resumed', 'material_supplied', 'referral_accepted')"
    )


def downgrade() -> None:
    """All events of the case are read again."""
    op.drop_index("ix_events_clocks", table_name="events")
