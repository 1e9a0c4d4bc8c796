"""A child's file and its watch know the community, so that the visits of a street can be listed by it; and who directs which is asked here."""

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
NEWEST = "not exists (select from register_entries l where l.id = e.id and l.version > e.version) and e.kind <> 'ended'"
FUNCTIONS = {
    "shouhu_communities(varchar)": f"""
create function shouhu_communities(of_street varchar) returns table (id varchar, name text)
language sql stable security definer set search_path = public as $$
select e.id, e.fields ->> 'name' from register_entries e
where e.book = 'communities' and e.division = of_street and {NEWEST} order by e.at, e.id
$$
""",
    "shouhu_directs(varchar)": f"""
create function shouhu_directs(person varchar) returns table (id varchar, name text)
language sql stable security definer set search_path = public as $$
select c.id, c.name from people p
join register_entries e on e.book = 'staff' and e.division = p.division and {NEWEST}
join shouhu_communities(p.division) c on c.id = e.fields ->> 'community'
where p.id = person and p.is_active and e.fields ->> 'post' = 'director' and e.fields ->> 'account' = person
order by e.at, c.id
$$
""",
}
"""What a community is called and who directs it is nobody's secret, and is asked by offices that do not keep those registers."""


def upgrade() -> None:
    """Codes alone; nobody's community is known yet."""
    op.add_column("watches", sa.Column("community", sa.String(80)))
    op.add_column("child_files", sa.Column("community", sa.String(80)))
    columns = ["desk", "community", "visit_due_at", "id"]
    op.create_index("ix_watches_community_due", "watches", columns, postgresql_where=sa.text("is_open"))
    for signature, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"revoke all on function {signature} from public")
        op.execute(f"grant execute on function {signature} to {ROLES}")


def downgrade() -> None:
    """As before."""
    for signature in reversed(FUNCTIONS):
        op.execute(f"drop function {signature}")
    op.drop_index("ix_watches_community_due", "watches")
    op.drop_column("child_files", "community")
    op.drop_column("watches", "community")
