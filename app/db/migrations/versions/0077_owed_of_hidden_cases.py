"""What is owed for a case is kept from whom that case is about, and so is every word of what is owed that was told."""

from alembic import op

revision = "0077"
down_revision = "0073"
branch_labels = None
depends_on = None

LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MARKS = f"coalesce({LIST.format('marks')}, array[]::varchar[])"
PERSON = "nullif(current_setting('shouhu.person', true), '')"
SIGHT = {"sight": f"desk = any ({LIST.format('desks')})", "district": f"{PERSON} is not null"}
BEFORE = f"not shouhu_file_concerned(subject, {MARKS}) and not shouhu_file_concerned(code, {MARKS})"
CLEAR = f"{BEFORE} and (matter <> 'recusal' or not shouhu_named(subject, {MARKS}))"
TOLD_BEFORE = f"person_id = {PERSON} and case_id <> all ((select shouhu_concerning({LIST.format('marks')}))::varchar[])"
TOLD = f"{TOLD_BEFORE} and (case_id not like 'owed-%' or not shouhu_stream_concerned(case_id, {MARKS}))"
SIGNATURE, ROLES = "shouhu_named(varchar, varchar[])", "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
NAMED = """
create function shouhu_named(case_id varchar, marks varchar[]) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (select from cases c where c.id = $1 and c.about && array(
    select m from unnest($2) m where not exists (select from people p where p.agency = m))) $$
"""
"""A sealed case is kept from every authority outside, also from that which has to ask for another to be designated."""
STREAM_CONCERNED = """
create or replace function shouhu_stream_concerned(stream varchar, concerned varchar[]) returns boolean
language plpgsql stable security definer set search_path = public set plan_cache_mode = force_generic_plan as $$
begin
  return case split_part(stream, '-', 1)
    when 'case' then shouhu_concerned(stream, concerned)
    when 'owed' then exists (select from owed o where o.id = stream
      and ({of_case}shouhu_file_concerned(o.subject, concerned) or shouhu_file_concerned(o.code, concerned)))
    else shouhu_file_concerned(substr(stream, strpos(stream, '-') + 1), concerned)
      or exists (select from watches w where w.id = stream and shouhu_concerned(w.case_id, concerned)) end;
end $$
"""


def upgrade() -> None:
    """The subject of a case that nobody here may handle is the case itself."""
    op.execute(NAMED)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {ROLES}")
    _set(CLEAR, TOLD, "o.matter = 'recusal' and shouhu_named(o.subject, concerned) or ")


def downgrade() -> None:
    """By the child alone, and whoever was told."""
    _set(BEFORE, TOLD_BEFORE, "")
    op.execute(f"drop function {SIGNATURE}")


def _set(clear: str, told: str, of_case: str) -> None:
    op.execute(STREAM_CONCERNED.format(of_case=of_case))
    for policy, mine in SIGHT.items():
        op.execute(f"alter policy {policy} on owed using ({mine} and {clear})")
        op.execute(f"alter policy {policy} on notices using ({told})")
