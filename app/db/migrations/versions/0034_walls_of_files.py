"""The second wall before children's files, books and registers: a keeper sees the children that it keeps, not only through their cases."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
SET = "nullif(current_setting('shouhu.{}', true), '')"
LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
PERSON, STAFF = f"{SET.format('person')} is not null", f"{SET.format('keeps')} is not null"
MARKS = f"coalesce({LIST.format('marks')}, array[]::varchar[])"
CLEAR = f"not shouhu_concerned(case_id, {LIST.format('marks')})"
FILE_CLEAR = f"not shouhu_file_concerned({{0}}, {MARKS})"
WHOLE = f"{SET.format('reach')} = 'district'"
OF_CASE = "exists (select from cases c where c.id = {})"
OF_REPORT = "exists (select from cases c where (c.progress ->> 'watch') = 'watch-' || {})"
OF_FILE = """exists (select from watches w where w.id = {0}.stream_id)
  or exists (select from child_files f where f.id = {0}.stream_id)"""
AT_MY_DESK = f"desk = any ({LIST.format('desks')})"
WATCHES = f"""{CLEAR} and ({AT_MY_DESK} or desk = any ({LIST.format("keeps")}) or offered_to = any ({LIST.format("desks")})
  or ({STAFF} and ({OF_CASE.format("watches.case_id")} or {WHOLE}
      or exists (select from cases c where (c.progress ->> 'watch') = watches.id))))"""
FILES = f"""{STAFF} and (desks && {LIST.format("desks")} or desks && array[{SET.format("desk")}]::varchar[] or {WHOLE}
  or exists (select from unnest(shouhu_family(child_files.child_id)) m(id)
      where exists (select from watches w where w.child_id = m.id) or {OF_CASE.format("shouhu_case_of(m.id)")}
        or {OF_REPORT.format("m.id")} or shouhu_street_of(m.id) = any ({LIST.format("streets")})))
  and {FILE_CLEAR.format("child_id")}"""
CHILDREN = f"""{OF_CASE.format("children.case_id")} or ({STAFF} and ({WHOLE}
      or (case_id is null and division = any ({LIST.format("streets")}))
      or exists (select from watches w where w.child_id = children.id)
      or exists (select from child_files f where f.child_id = children.id)
      or exists (select from child_files f where f.merged_into = children.id)
      or {OF_REPORT.format("children.id")})
  and {FILE_CLEAR.format("children.id")})"""
REPORTS = f"{OF_CASE.format('reports.case_id')} or exists (select from children k where k.case_id = reports.case_id)"
NOTES = f"{OF_CASE.format('notes.stream_id')} or {OF_FILE.format('notes')}"
KEYS = f"""{OF_CASE.format("data_keys.stream_id")} or {OF_FILE.format("data_keys")}
  or (starts_with(data_keys.stream_id, 'upload-') and exists (select from files f where f.id = data_keys.stream_id))
  or exists (select from sheet_jobs j where j.id = data_keys.stream_id)
  or (starts_with(data_keys.stream_id, 'entry-') and exists (select from register_entries r where r.id = data_keys.stream_id))
  or exists (select from children k where k.case_id = data_keys.stream_id)"""
ENTRIES = f"""{AT_MY_DESK} or desk = any ({LIST.format("keeps")})
  or ({STAFF} and book = any ({LIST.format("books")}))"""
SIGHT = {
    "children": (CHILDREN, f"{OF_CASE.format('children.case_id')} or (case_id is null and {PERSON})"),
    "watches": (WATCHES, f"{PERSON} and {CLEAR}"),
    "child_files": (FILES, f"{PERSON} and {FILE_CLEAR.format('child_id')}"),
    "contents": (OF_FILE.format("contents"), OF_FILE.format("contents")),
    "reports": (REPORTS, REPORTS),
    "notes": (NOTES, NOTES),
    "data_keys": (KEYS, KEYS),
    "register_entries": (ENTRIES, PERSON),
}
"""What a person sees of each table, and what one whose sight is the whole district does."""
OLD_KEYS = f"""exists (select from cases c where c.id = data_keys.stream_id)
  or (starts_with(data_keys.stream_id, 'upload-') and exists (select from files f where f.id = data_keys.stream_id))
  or exists (select from sheet_jobs j where j.id = data_keys.stream_id)
  or ({PERSON} and starts_with(data_keys.stream_id, 'entry-'))"""
BEFORE = {
    "children": (OF_CASE.format("children.case_id"),) * 2,
    "watches": (f"{AT_MY_DESK} and {CLEAR}", f"{PERSON} and {CLEAR}"),
    "child_files": (f"desks && {LIST.format('desks')}",) * 2,
    "contents": ("false", "false"),
    "reports": (OF_CASE.format("reports.case_id"),) * 2,
    "notes": (OF_CASE.format("notes.stream_id"),) * 2,
    "data_keys": (OLD_KEYS, OLD_KEYS),
}
STREET_OF = """
create function shouhu_street_of(child_id varchar) returns varchar
language sql stable security definer set search_path = public as
$$ select k.division from children k where k.id = child_id and k.case_id is null $$
"""
OWN_CHILD = """
create function shouhu_own_child(child_id varchar) returns varchar
language sql stable security definer set search_path = public as $$
  select coalesce((select f.merged_into from child_files f where f.child_id = known.id), known.id)
  from (select coalesce((select substr(c.progress ->> 'watch', 7) from children k join cases c on c.id = k.case_id
                         where k.id = $1), $1) as id) known $$
"""
FAMILY = """
create function shouhu_family(child_id varchar) returns varchar[]
language sql stable security definer set search_path = public as $$
  with root as (select coalesce((select f.merged_into from child_files f where f.child_id = $1), $1) as id)
  select array_agg(one.id) from (select id from root union select f.child_id from child_files f, root where f.merged_into = root.id) one
$$
"""
FILE_CONCERNED = """
create function shouhu_file_concerned(child_id varchar, concerned varchar[]) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (select from children k join cases c on c.id = k.case_id where k.id = any (shouhu_family($1)) and c.about && concerned) $$
"""
REACH = """
create function shouhu_reach(reach text, books text) returns void language plpgsql as $$
begin
  perform set_config('role', coalesce(nullif(current_setting('shouhu.entered_as', true), ''), current_user::text), true),
    set_config('plan_cache_mode', 'force_custom_plan', true), set_config('shouhu.reach', reach, true),
    set_config('shouhu.books', books, true);
end $$
"""
STAND = """
create or replace function shouhu_stand(seat people, persons text[]) returns void language plpgsql as $$
declare
  staff boolean := seat.roles && '{officer,desk_head,agency_head,supervisor,procurator}'::varchar[];
  heads boolean := seat.roles && '{desk_head,agency_head,supervisor}'::varchar[];
  machine boolean := 'machine' = any (seat.roles);
  procurator boolean := seat.agency = 'PROC' and 'procurator' = any (seat.roles);
  territorial boolean := seat.agency in ('STREET', 'COMM');
  whole boolean := (seat.roles && '{agency_head,supervisor}'::varchar[] and not territorial)
    or procurator or (seat.agency = 'COMMITTEE' and staff) or (territorial and machine);
  wide boolean := (seat.agency = 'CONF' and staff) or (seat.agency = 'CIVIL' and 'supervisor' = any (seat.roles));
  keeps text := case when not staff then ''
    when seat.agency = 'STREET' then seat.desk || ',COMM-' || substr(seat.desk, 8) else seat.desk end;
  desks text := case when not (staff or machine) then '' when heads then keeps else seat.desk end;
  unit text := case when seat.roles && '{reporter,machine}'::varchar[] then coalesce(seat.unit, '') else '' end;
  role text;
begin
  if seat.roles && '{admin,security_admin,auditor}'::varchar[] then
    wide := false; whole := false; procurator := false; desks := ''; keeps := ''; unit := '';
  end if;
  role := case when wide then 'shouhu_wide' when current_user = 'shouhu_wide' then 'shouhu_app' else current_user::text end;
  perform set_config('shouhu.person', persons[1], true), set_config('shouhu.desks', desks, true),
    set_config('shouhu.agencies', case when whole then seat.agency else '' end, true), set_config('shouhu.unit', unit, true),
    set_config('shouhu.procurator', case when procurator then 'on' else '' end, true),
    set_config('shouhu.marks', array_to_string(persons || array[seat.desk, seat.agency, seat.unit]::text[], ','), true),
    set_config('shouhu.keeps', keeps, true), set_config('shouhu.desk', case when keeps = '' then '' else seat.desk end, true),
    set_config('shouhu.streets', case when territorial and keeps <> '' then coalesce(seat.division, '') else '' end, true),
    set_config('shouhu.reach', '', true), set_config('shouhu.books', '', true),
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('shouhu.entered_as', role, true), set_config('role', role, true);
end $$
"""
FIRST_REPORT = """
create function shouhu_first_report(case_id varchar) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (select from cases c where c.id = case_id and c.progress ->> 'watch' is null and c.linked_to is null) $$
"""
FUNCTIONS = {
    "shouhu_first_report(varchar)": FIRST_REPORT,
    "shouhu_street_of(varchar)": STREET_OF, "shouhu_own_child(varchar)": OWN_CHILD, "shouhu_family(varchar)": FAMILY,
    "shouhu_file_concerned(varchar, varchar[])": FILE_CONCERNED, "shouhu_reach(text, text)": REACH,
}  # fmt: skip


def upgrade() -> None:
    """A seat that is taken after a wider one is no longer as wide."""
    for signature, made in FUNCTIONS.items():
        op.execute(made)
        op.execute(f"revoke all on function {signature} from public")
        op.execute(f"grant execute on function {signature} to {ROLES}")
    op.execute(STAND)
    op.execute("alter table register_entries enable row level security")
    op.execute("alter table register_entries force row level security")
    op.execute("create policy owner on register_entries using (true) with check (true)")
    op.execute("alter policy owner on register_entries to current_user")
    op.execute("create policy service on register_entries to shouhu_worker, shouhu_door using (true) with check (true)")
    for table, (mine, wide) in SIGHT.items():
        if table in BEFORE:
            op.execute(f"drop policy sight on {table}")
            op.execute(f"drop policy district on {table}")
        op.execute(f"create policy sight on {table} to shouhu_app using ({mine})")
        op.execute(f"create policy district on {table} to shouhu_wide using ({wide})")


def downgrade() -> None:
    """The first wall alone stands before files and registers again; what sets a seat sets a few settings more."""
    for table, (mine, wide) in BEFORE.items():
        op.execute(f"drop policy sight on {table}")
        op.execute(f"drop policy district on {table}")
        op.execute(f"create policy sight on {table} to shouhu_app using ({mine})")
        op.execute(f"create policy district on {table} to shouhu_wide using ({wide})")
    for policy in ("sight", "district", "owner", "service"):
        op.execute(f"drop policy {policy} on register_entries")
    op.execute("alter table register_entries no force row level security")
    op.execute("alter table register_entries disable row level security")
    for signature in reversed(FUNCTIONS):
        op.execute(f"drop function {signature}")
