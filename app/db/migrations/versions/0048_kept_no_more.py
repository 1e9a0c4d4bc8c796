"""Nobody asks for all kept children at once any more (0045), so the function that listed them goes."""

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
SET = "nullif(current_setting('shouhu.{}', true), '')"
LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MARKS = f"coalesce({LIST.format('marks')}, array[]::varchar[])"
MINE = f"""(c.desks && {LIST.format("desks")} or c.agencies && {LIST.format("agencies")}
      or (c.rung = 'procuratorate' and {SET.format("procurator")} = 'on')) and not (c.about && {MARKS})"""
KEPT_BY_ME = f"""
create function shouhu_kept() returns setof varchar
language plpgsql stable security definer set search_path = public set plan_cache_mode = force_generic_plan as $$
begin
  if {SET.format("keeps")} is null then return; end if;
  return query with ways as (
      select w.child_id as id from watches w
      where w.desk = any ({LIST.format("keeps")}) or w.desk = any ({LIST.format("desks")}) or w.offered_to = any ({LIST.format("desks")})
    union
      select f.child_id from child_files f where f.is_open and f.desks && array[{SET.format("desk")}]::varchar[]
    union
      select k.id from children k where k.case_id is null and k.division = any ({LIST.format("streets")})
    union
      select f.child_id from child_files f join children k on k.id in (f.child_id, f.merged_into) join cases c on c.id = k.case_id
      where f.merged_into is not null and {MINE}
    ), roots as (select coalesce(f.merged_into, w.id) as id from ways w left join child_files f on f.child_id = w.id)
  select w.id from ways w union select r.id from roots r
  union select f.child_id from child_files f join roots r on f.merged_into = r.id;
end $$
"""


def upgrade() -> None:
    """It was used by the walls before 0045 alone."""
    op.execute("drop function shouhu_kept()")


def downgrade() -> None:
    """For those walls, as 0038 made it."""
    op.execute(KEPT_BY_ME)
    op.execute("revoke all on function shouhu_kept() from public")
    op.execute(f"grant execute on function shouhu_kept() to {ROLES}")
