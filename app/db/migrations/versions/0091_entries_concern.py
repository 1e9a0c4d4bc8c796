"""An entry of a register about a child whose case is about somebody is none for them; it is found by marks, for what it names is sealed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None

SIGNATURE, ROLES = "shouhu_children_concerning(varchar[])", "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
CHILDREN = """
create function shouhu_children_concerning(marks varchar[]) returns varchar[]
language sql stable security definer set search_path = public as $$
  with named as (select distinct one.id from unnest(shouhu_concerning($1)) c(id), unnest(shouhu_children_of(c.id)) one(id))
  select coalesce(array_agg(id), '{}') from (
    select id from named
    union select k.id from named join cases c on c.progress ->> 'watch' = 'watch-' || named.id join children k on k.case_id = c.id) every $$
"""
"""By every id: those whose cases they are, and what later visits reported these as."""


def upgrade() -> None:
    """Lines of before have no mark of their case: whoever is not told of it is shown the entry without."""
    op.add_column("register_entries", sa.Column("cases", ARRAY(sa.String(16)), nullable=False, server_default="{}"))
    op.execute(CHILDREN)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {ROLES}")


def downgrade() -> None:
    """By the desk alone."""
    op.execute(f"drop function {SIGNATURE}")
    op.drop_column("register_entries", "cases")
