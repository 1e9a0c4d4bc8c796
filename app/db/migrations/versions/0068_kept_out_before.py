"""Whom a link brought stands apart from whom a case is about itself also in cases, open or closed, whose link was made before that rule."""

from alembic import op

revision = "0068"
down_revision = "0060"
branch_labels = None
depends_on = None

BY_LINK = """
with said as (
  select e.stream_id, one.mark, bool_or(e.kind = 'report_filed' or e.by <> 'engine') as own, min(array[e.version, one.place]) as place
  from events e, jsonb_array_elements_text(e.body -> 'about') with ordinality as one (mark, place)
  where e.kind in ('report_filed', 'conflict_declared')
    and e.stream_id in (select stream_id from events where kind = 'conflict_declared' and by = 'engine')
    and e.stream_id not in (select stream_id from events where kind = 'kept_out_by_link')
  group by e.stream_id, one.mark
), brought as (
  select stream_id, jsonb_agg(mark order by place) as marks from said where not own group by stream_id
)
update cases set progress = progress || jsonb_build_object('about_by_link', brought.marks) from brought where brought.stream_id = cases.id
"""


def upgrade() -> None:
    """As the fold of its events has it: the service alone declared so for a link; the reconciler gives back what no link stands for."""
    op.execute(BY_LINK)


def downgrade() -> None:
    """What stands there is the fold of the events either way."""
