"""Each watch knows the day on which it began: no visit is from before it."""

from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

BEGAN = """
with turns as (
  select stream_id, version, at, kind, lag(kind) over (partition by stream_id order by version) as before
  from events where kind in ('watch_began', 'watch_ended', 'watch_suspended', 'watch_resumed')
), begun as (
  select distinct on (stream_id) stream_id, to_char(at at time zone 'Asia/Shanghai', 'YYYY-MM-DD') as day
  from turns where kind = 'watch_began' and (before is null or before in ('watch_ended', 'watch_suspended'))
  order by stream_id, version desc
)
update watches set progress = progress || jsonb_build_object('began_on', begun.day) from begun where begun.stream_id = watches.id
"""


def upgrade() -> None:
    """As the fold of its events has it."""
    op.execute(BEGAN)


def downgrade() -> None:
    """The fold from before does not know it."""
    op.execute("update watches set progress = progress - 'began_on'")
