"""With a report stands the office whose people read it as typed, and in the fold of a child's file what counted before of each other office."""

import sqlalchemy as sa
from alembic import op

revision = "0084"
down_revision = "0083"
branch_labels = None
depends_on = None

BEFORE = """
    with passed as (
        select p.stream_id, p.body ->> 'field' as field, p.version as pv, coalesce(nullif(e.body ->> 'office', ''), e.body ->> 'by') as whose,
            jsonb_build_object('version', e.version, 'by', e.body -> 'by',
                'office', coalesce(e.body ->> 'office', ''), 'at', p.body -> 'at') as value
        from events p join events e on e.stream_id = p.stream_id and e.version = (p.body ->> 'change')::int
        where p.kind = 'change_passed' and p.body ->> 'desk' is null
        and p.body ->> 'field' in ('residence', 'residence_division', 'phone', 'household', 'health')),
    newest as (select distinct on (stream_id, field, whose) * from passed order by stream_id, field, whose, pv desc),
    older as (select *, max(pv) over (partition by stream_id, field) as last from newest),
    before as (select stream_id, field, jsonb_agg(value order by pv desc) as every from older where pv < last group by 1, 2)
    update child_files set progress = jsonb_set(child_files.progress, '{before}', found.every)
    from (select stream_id, jsonb_object_agg(field, every) as every from before group by 1) found where child_files.id = found.stream_id
"""


def upgrade() -> None:
    """A report of before is its author's alone: where they sit today says nothing of where it was typed."""
    op.add_column("reports", sa.Column("office", sa.String(80)))
    op.execute(BEFORE)


def downgrade() -> None:
    """Nobody reads it any more."""
    op.execute("update child_files set progress = progress - 'before'")
    op.drop_column("reports", "office")
