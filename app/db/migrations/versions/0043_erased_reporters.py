"""Of a case that was destroyed nobody is told any more who reported it: not those who knew, nor by an attempt of a colleague."""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
ERASED = """
create function shouhu_erased(stream varchar) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (select from cases c where c.id = $1 and c.erased_at is not null) $$
"""
IS_REPORTER = """
create or replace function shouhu_is_reporter(case_id varchar, person varchar) returns boolean
language sql stable security definer set search_path = public as
$$ select exists (select from audit a where a.stream_id = case_id and a.action = 'FileReport' and person in (a.person_id, a.behalf))
  or exists (select from cases c join people p on p.unit = c.reporter_unit where c.id = case_id and p.id = person){more} $$
"""
FILED = "\n  or (select shouhu_erased(case_id))"
"""Who of the reporter's unit tried it is not known any more, so nobody who tried it is named."""


def upgrade() -> None:
    """What was destroyed before is told no longer either."""
    op.execute(ERASED)
    op.execute("revoke all on function shouhu_erased(varchar) from public")
    op.execute(f"grant execute on function shouhu_erased(varchar) to {ROLES}")
    op.execute(IS_REPORTER.format(more=FILED))
    op.execute(
        """update cases set progress = jsonb_set(progress, '{reporter_unit}', '"erased"') where erased_at is not null"""
    )


def downgrade() -> None:
    """Those who knew are told again."""
    op.execute(IS_REPORTER.format(more=""))
    op.execute("drop function shouhu_erased(varchar)")
