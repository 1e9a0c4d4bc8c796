"""Which file is a child's own is a planned function: SQL was planned anew for every row of a list, half the time of its page."""

from alembic import op

revision = "0090"
down_revision = "0089"
branch_labels = None
depends_on = None

OWN = """
create or replace function shouhu_own_child(child_id varchar) returns varchar
language {} stable security definer set search_path = public{} as $$ {} $$
"""
ASKED = """
  select coalesce((select f.merged_into from child_files f where f.child_id = known.id), known.id)
  from (select coalesce((select substr(c.progress ->> 'watch', 7) from children k join cases c on c.id = k.case_id
                         where k.id = $1), $1) as id) known"""


def upgrade() -> None:
    """The same, planned once a connection."""
    planned = f"begin return ({ASKED}); end"
    op.execute(OWN.format("plpgsql", " set plan_cache_mode = force_generic_plan", planned))


def downgrade() -> None:
    """As 0038 made it."""
    op.execute(OWN.format("sql", "", ASKED))
