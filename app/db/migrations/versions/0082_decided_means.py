"""What was decided of a family's means stands in the fold of the child's file: those of before get it from their events."""

from alembic import op

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """As the fold would make it: in their order, each with whether it was taken."""
    op.execute("""
        update child_files set progress = jsonb_set(child_files.progress, '{means}', decided.means)
        from (select stream_id, jsonb_agg(jsonb_build_object('version', body -> 'change', 'at', body -> 'at',
              'taken', kind = 'change_passed') order by version) as means
              from events where body ->> 'field' = 'means'
              and (kind = 'change_rejected' or kind = 'change_passed' and body ->> 'desk' is null)
              group by stream_id) as decided
        where child_files.id = decided.stream_id
    """)


def downgrade() -> None:
    """Nobody reads it any more."""
    op.execute("update child_files set progress = progress - 'means'")
