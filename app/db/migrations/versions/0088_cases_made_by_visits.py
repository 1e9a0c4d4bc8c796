"""Whom a case that a visit made is about: the child's file, its watch and what is on record of it are kept from them too.

Such a case calls the child by an id of its own, so it was none of the cases that the walls asked about.
"""

from alembic import op
from sqlalchemy import text

revision = "0088"
down_revision = "0087"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
PLANNED = "language plpgsql stable security definer set search_path = public set plan_cache_mode = force_generic_plan"
ABOUT = f"""
create function shouhu_about(child varchar) returns varchar[] {PLANNED} as $$
declare family varchar[] := shouhu_family(child);
  watches varchar[] := string_to_array('watch-' || array_to_string(family, ',watch-'), ',');
begin
  return array(
    select unnest(c.about) from children k join cases c on c.id = k.case_id where k.id = any (family)
    union all select unnest(c.about) from cases c where c.progress ->> 'watch' = any (watches));
end $$
"""
"""Whom the cases of a child are about, and of who is the same child: those that have reported it and those that visits have made."""
CHILDREN_OF = f"""
create function shouhu_children_of(reported_in varchar) returns varchar[] {PLANNED} as $$
begin
  return array(select distinct unnest(shouhu_family(one.id)) from (
    select k.id from children k where k.case_id = reported_in
    union all select substr(c.progress ->> 'watch', 7) from cases c where c.id = reported_in and c.progress ->> 'watch' is not null) one);
end $$
"""
"""The same from the other end: the children whose case it is."""
CONCERNED = "shouhu_file_concerned(child_id varchar, concerned varchar[]) returns boolean"
BY_CHILD = f"create or replace function {CONCERNED} language sql stable as $$ select shouhu_about($1) && $2 $$"
"""Of one expression, which the planner puts in its place."""
BY_CHILD_BEFORE = f"""
create or replace function {CONCERNED} {PLANNED} as $$
declare family varchar[];
begin
  if cardinality(concerned) = 0 then return false; end if;
  family := shouhu_family($1);
  return exists (select from children k join cases c on c.id = k.case_id where k.id = any (family) and c.about && concerned);
end $$
"""
ROW = "shouhu_row_concerned(stream varchar, of_children varchar[], concerned varchar[]) returns boolean"
BY_ROW = f"""
create or replace function {ROW} {PLANNED} as $$
begin
  return exists (select from cases c where c.id = stream and c.about && concerned)
    or exists (select from unnest(array_append(of_children, substr(stream, strpos(stream, '-') + 1)::varchar)) one
               where shouhu_about(one) && concerned);
end $$
"""
BY_ROW_BEFORE = f"""
create or replace function {ROW} language sql stable security definer set search_path = public as $$
  select exists (select from cases c where c.id = stream and c.about && concerned)
  or exists (select from children k join cases c on c.id = k.case_id where k.id = any (of_children) and c.about && concerned)
  or exists (select from children k join cases c on c.id = k.case_id
             where k.id = substr(stream, strpos(stream, '-') + 1) and c.about && concerned) $$
"""
OF_VISITS = f"""
create function shouhu_hidden_by_visits(marks varchar[]) returns varchar[] {PLANNED} as $$
begin
  return array(select distinct unnest(shouhu_family(substr(c.progress ->> 'watch', 7))) from cases c
               where c.about && marks and c.progress ->> 'watch' is not null);
end $$
"""
"""Those that cases made by visits hide: found once a query by an index of such cases alone, where a wall of many rows asks."""
FUNCTIONS = {
    "shouhu_about(varchar)": ABOUT, "shouhu_children_of(varchar)": CHILDREN_OF,
    "shouhu_hidden_by_visits(varchar[])": OF_VISITS,
}  # fmt: skip
SET = "nullif(current_setting('shouhu.{}', true), '')"
LIST = f"string_to_array({SET}, ',')::varchar[]"
PERSON, STAFF, WHOLE = (
    f"{SET.format('person')} is not null",
    f"{SET.format('keeps')} is not null",
    f"{SET.format('reach')} = 'district'",
)
OF_CASE = "exists (select from cases c where c.id = {})"
OF_REPORT = "exists (select from cases c where (c.progress ->> 'watch') = 'watch-' || watches.child_id)"
MINE = f"""(desk = any ({LIST.format("desks")}) or desk = any ({LIST.format("keeps")}) or offered_to = any ({LIST.format("desks")})
  or ({STAFF} and ({OF_CASE.format("watches.case_id")} or {WHOLE} or shouhu_keeps(watches.child_id) or {OF_REPORT})))"""
BY_CASE = f"coalesce(case_id, '') <> all ((select shouhu_concerning({LIST.format('marks')}))::varchar[])"
NOT_HIDDEN = f"{{}} <> all ((select shouhu_hidden_by_visits({LIST.format('marks')}))::varchar[])"
BEFORE, NOW = (
    (BY_CASE, PERSON),
    (
        f"{BY_CASE} and {NOT_HIDDEN.format('child_id')}",
        f"{PERSON} and {NOT_HIDDEN.format('id')}",
    ),
)
"""Of watches, and of children without a case before those who oversee the district."""


def _walls(clear: str, of_no_case: str) -> None:
    op.execute(f"alter policy sight on watches using ({clear} and {MINE})")
    op.execute(f"alter policy district on watches using ({PERSON} and {clear})")
    reported = OF_CASE.format("children.case_id")
    op.execute(f"alter policy district on children using ({reported} or (case_id is null and {of_no_case}))")


def upgrade() -> None:
    """One rule says which cases are a child's, to the walls and to whoever asks whom they are about."""
    made_by_visits = text("(progress ->> 'watch') is not null")
    op.create_index(
        "ix_cases_of_visits_about", "cases", ["about"], postgresql_using="gin", postgresql_where=made_by_visits
    )
    for signature, made in FUNCTIONS.items():
        op.execute(made)
        op.execute(f"revoke all on function {signature} from public")
        op.execute(f"grant execute on function {signature} to {ROLES}")
    op.execute(BY_CHILD)
    op.execute(BY_ROW)
    _walls(*NOW)


def downgrade() -> None:
    """By the cases that have reported the child."""
    _walls(*BEFORE)
    op.execute(BY_ROW_BEFORE)
    op.execute(BY_CHILD_BEFORE)
    for signature in FUNCTIONS:
        op.execute(f"drop function {signature}")
    op.drop_index("ix_cases_of_visits_about", "cases")
