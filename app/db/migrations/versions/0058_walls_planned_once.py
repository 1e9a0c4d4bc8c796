"""What the walls ask of each child is planned once a connection, and what most often answers is asked first.

A function in SQL is planned anew for each row that a wall asks it about: which files are one child's took 44 us, and whether a case behind
one of them is about the reader 90, several times a row.
"""

from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

SET = "nullif(current_setting('shouhu.{}', true), '')"
LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MARKS = f"coalesce({LIST.format('marks')}, array[]::varchar[])"
PLANNED = (
    "language plpgsql stable security definer {} set search_path = public set plan_cache_mode = force_generic_plan"
)
IN_SQL = "language sql stable security definer set search_path = public"
MINE = f"""(c.desks && {LIST.format("desks")} or c.agencies && {LIST.format("agencies")}
      or (c.rung = 'procuratorate' and {SET.format("procurator")} = 'on')) and not (c.about && {MARKS})"""
REST_OF_KEEPS = f"""exists (select from watches w where w.child_id = any (family) and (w.desk = any ({LIST.format("keeps")})
      or w.desk = any ({LIST.format("desks")}) or w.offered_to = any ({LIST.format("desks")})))
    or exists (select from child_files f where f.child_id = any (family) and f.is_open and f.desks && array[{SET.format("desk")}]::varchar[])
    or exists (select from children k where k.id = any (family) and k.case_id is null and k.division = any ({LIST.format("streets")}))
    or (cardinality(family) > 1 and exists (select from children k join cases c on c.id = k.case_id
                                            where k.id = any (family) and {MINE}))"""
OWN = f"exists (select from watches w where w.child_id = child and w.desk = any ({LIST.format('keeps')}))"
ABOUT = (
    "exists (select from children k join cases c on c.id = k.case_id where k.id = any ({}) and c.about && concerned)"
)
FIRST = "exists (select from cases c where c.id = $1 and c.progress ->> 'watch' is null and c.linked_to is null)"
SEALED = "exists (select from cases c where c.id = $1 and jsonb_array_length(c.progress -> 'sealed_for') > 0)"


def upgrade() -> None:
    """The same answers."""
    _say("shouhu_family(child_id varchar) returns varchar[]", """
declare root varchar := coalesce((select f.merged_into from child_files f where f.child_id = $1), $1);
begin
  return array(select f.child_id from child_files f where f.merged_into = root) || root;
end""")  # fmt: skip
    _say("shouhu_file_concerned(child_id varchar, concerned varchar[]) returns boolean", f"""
declare family varchar[];
begin
  if cardinality(concerned) = 0 then return false; end if;
  family := shouhu_family($1);
  return {ABOUT.format("family")};
end""")  # fmt: skip
    for name, rule in (("shouhu_first_report", FIRST), ("shouhu_sealed", SEALED)):
        _say(
            f"{name}(case_id varchar) returns boolean",
            f"begin if $1 is null then return false; end if; return {rule}; end",
        )
    _keeps(f"  if {OWN} then return true; end if;\n")


def downgrade() -> None:
    """As before."""
    _say("shouhu_family(child_id varchar) returns varchar[]", """
  with root as (select coalesce((select f.merged_into from child_files f where f.child_id = $1), $1) as id)
  select array_agg(one.id) from (select id from root union select f.child_id from child_files f, root where f.merged_into = root.id) one
""", IN_SQL)  # fmt: skip
    _say(
        "shouhu_file_concerned(child_id varchar, concerned varchar[]) returns boolean",
        f"select {ABOUT.format('shouhu_family($1)')}",
        IN_SQL,
    )
    _say("shouhu_first_report(case_id varchar) returns boolean", f"select {FIRST}", IN_SQL)
    _say("shouhu_sealed(case_id varchar) returns boolean", f"select {SEALED}", IN_SQL)
    _keeps("")


def _keeps(first: str) -> None:
    body = f"""
declare family varchar[];
begin
  if {SET.format("keeps")} is null then return false; end if;
{first}  family := shouhu_family(child);
  return {REST_OF_KEEPS};
end"""
    _say("shouhu_keeps(child varchar) returns boolean", body, PLANNED.format("cost 1000"))


def _say(signature: str, body: str, written: str = PLANNED.format("")) -> None:
    op.execute(f"create or replace function {signature} {written} as $$ {body} $$")
