"""Files that were parted before their copies went with that: what the other's parents said of a delegate stands in no watch of this child."""

from alembic import op

revision = "0095"
down_revision = "0094"
branch_labels = None
depends_on = None

LEFT = """
delete from contents c using events e where e.stream_id = c.stream_id and e.version = c.version and e.kind = 'care_carried'
  and substr(e.body ->> 'of', 7) <> all (shouhu_family(substr(e.stream_id, 7)))
"""
"""By `watch-` and the child: whose files are read as one have it still."""


def upgrade() -> None:
    """As a parting has done since."""
    op.execute(LEFT)


def downgrade() -> None:
    """Gone is gone; it stands where it was entered."""
