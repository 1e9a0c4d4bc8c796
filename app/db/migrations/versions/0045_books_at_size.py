"""Children of a whole district: a wall asks about the one child that is read and no more for all that are kept, and books turn their pages.

Before, whatever was read of one child first worked out every child of the reader's desk, anew for each table and each sealed row.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
SET = "nullif(current_setting('shouhu.{}', true), '')"
LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MARKS = f"coalesce({LIST.format('marks')}, array[]::varchar[])"
MINE = f"""(c.desks && {LIST.format("desks")} or c.agencies && {LIST.format("agencies")}
      or (c.rung = 'procuratorate' and {SET.format("procurator")} = 'on')) and not (c.about && {MARKS})"""
KEEPS = f"""
create function shouhu_keeps(child varchar) returns boolean
language plpgsql stable security definer cost 1000 set search_path = public set plan_cache_mode = force_generic_plan as $$
declare family varchar[];
begin
  if {SET.format("keeps")} is null then return false; end if;
  family := shouhu_family(child);
  return exists (select from watches w where w.child_id = any (family) and (w.desk = any ({LIST.format("keeps")})
      or w.desk = any ({LIST.format("desks")}) or w.offered_to = any ({LIST.format("desks")})))
    or exists (select from child_files f where f.child_id = any (family) and f.is_open and f.desks && array[{SET.format("desk")}]::varchar[])
    or exists (select from children k where k.id = any (family) and k.case_id is null and k.division = any ({LIST.format("streets")}))
    or (cardinality(family) > 1 and exists (select from children k join cases c on c.id = k.case_id
                                            where k.id = any (family) and {MINE}));
end $$
"""
"""Whether the person's desk keeps the watch, has an offer or a step to do, or registered the child, or one that is the same child."""
BOOK = f"""
create function shouhu_book(after_at timestamptz, after_id varchar, most integer) returns table (id varchar, filed_at timestamptz)
language plpgsql stable security definer set search_path = public set plan_cache_mode = force_generic_plan as $$
declare since timestamptz := coalesce(after_at, '-infinity'); since_id varchar := coalesce(after_id, '');
  streets varchar[] := coalesce({LIST.format("streets")}, array[]::varchar[]);
begin
  return query select k.id, k.filed_at from (
    (select c.id, c.filed_at from children c where c.division = any (streets) and (c.filed_at, c.id) > (since, since_id)
     order by c.filed_at, c.id limit most)
    union
    (select c.id, c.filed_at from watches w join children c on c.id = w.child_id
     where w.desk = any ({LIST.format("keeps")}) and c.division <> all (streets) and (c.filed_at, c.id) > (since, since_id)
     order by c.filed_at, c.id limit most)
    union
    (select c.id, c.filed_at from child_files f join watches w on w.child_id = f.child_id join children c on c.id = f.merged_into
     where f.merged_into is not null and w.desk = any ({LIST.format("keeps")}) and c.division <> all (streets)
       and (c.filed_at, c.id) > (since, since_id)
     order by c.filed_at, c.id limit most)) k
  order by k.filed_at, k.id limit most;
end $$
"""
"""Ids of the next children who may stand in the person's book: they live in its street, or its desk watches them; what of them is
seen is for the walls to say."""
FUNCTIONS = {"shouhu_keeps(varchar)": KEEPS, "shouhu_book(timestamptz, varchar, integer)": BOOK}
BEFORE, NOW = "{} in (select shouhu_kept())", "shouhu_keeps({})"
PERSON, STAFF = f"{SET.format('person')} is not null", f"{SET.format('keeps')} is not null"
OF_CASE = "exists (select from cases c where c.id = {})"
OF_REPORT = "exists (select from cases c where (c.progress ->> 'watch') = 'watch-' || {})"
WHOLE = f"{SET.format('reach')} = 'district'"
FILE_CLEAR = f"not shouhu_file_concerned({{0}}, {MARKS})"


def sight(kept: str) -> dict[str, str]:
    """What a person sees of each table, as 0038 said it, with this way of asking whether a child is kept."""
    return {
        "children": f"""{OF_CASE.format("children.case_id")} or ({STAFF} and ({WHOLE} or {kept.format("children.id")}
  or {OF_REPORT.format("children.id")}) and {FILE_CLEAR.format("children.id")})""",
        "watches": f"""not shouhu_concerned(case_id, {LIST.format("marks")}) and (desk = any ({LIST.format("desks")})
  or desk = any ({LIST.format("keeps")}) or offered_to = any ({LIST.format("desks")})
  or ({STAFF} and ({OF_CASE.format("watches.case_id")} or {WHOLE} or {kept.format("watches.child_id")}
      or {OF_REPORT.format("watches.child_id")})))""",
        "child_files": f"""{STAFF} and (desks && {LIST.format("desks")} or desks && array[{SET.format("desk")}]::varchar[] or {WHOLE}
  or {kept.format("child_files.child_id")} or {OF_CASE.format("shouhu_case_of(child_files.child_id)")}
  or {OF_REPORT.format("child_files.child_id")}) and {FILE_CLEAR.format("child_id")}""",
    }


def upgrade() -> None:
    """Indexes, the walls, and what an import has not entered; jobs so far had nothing to say of that."""
    op.add_column("sheet_jobs", sa.Column("unread", JSONB(), nullable=False, server_default="[]"))
    op.create_index("ix_children_filed_at_id", "children", ["filed_at", "id"])
    op.create_index("ix_children_division_filed_at_id", "children", ["division", "filed_at", "id"])
    op.create_index("ix_watches_desk_child_id", "watches", ["desk", "child_id"])
    for signature, made in FUNCTIONS.items():
        op.execute(made)
        op.execute(f"revoke all on function {signature} from public")
        op.execute(f"grant execute on function {signature} to {ROLES}")
    for table, mine in sight(NOW).items():
        op.execute(f"alter policy sight on {table} using ({mine})")


def downgrade() -> None:
    """As before."""
    for table, mine in sight(BEFORE).items():
        op.execute(f"alter policy sight on {table} using ({mine})")
    for signature in FUNCTIONS:
        op.execute(f"drop function {signature}")
    op.drop_index("ix_watches_desk_child_id", "watches")
    op.drop_index("ix_children_division_filed_at_id", "children")
    op.drop_index("ix_children_filed_at_id", "children")
    op.drop_column("sheet_jobs", "unread")
