"""The second wall before children's files, books and registers: a keeper sees the children that it keeps, not only through their cases."""

from alembic import op

revision = "0038"
down_revision = "0037"
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
KEPT = "{} in (select shouhu_kept())"
OF_FILE = "(starts_with({0}, 'watch-') or starts_with({0}, 'file-')) and shouhu_opens({0})"
AT_MY_DESK = f"desk = any ({LIST.format('desks')})"
WATCHES = f"""{CLEAR} and ({AT_MY_DESK} or desk = any ({LIST.format("keeps")}) or offered_to = any ({LIST.format("desks")})
  or ({STAFF} and ({OF_CASE.format("watches.case_id")} or {WHOLE} or {KEPT.format("watches.child_id")}
      or {OF_REPORT.format("watches.child_id")})))"""
FILES = f"""{STAFF} and (desks && {LIST.format("desks")} or desks && array[{SET.format("desk")}]::varchar[] or {WHOLE}
  or {KEPT.format("child_files.child_id")} or {OF_CASE.format("shouhu_case_of(child_files.child_id)")}
  or {OF_REPORT.format("child_files.child_id")}) and {FILE_CLEAR.format("child_id")}"""
CHILDREN = f"""{OF_CASE.format("children.case_id")}
  or ({STAFF} and ({WHOLE} or {KEPT.format("children.id")} or {OF_REPORT.format("children.id")}) and {FILE_CLEAR.format("children.id")})"""
REPORTS = f"{OF_CASE.format('reports.case_id')} or shouhu_keeps_one_of(reports.case_id)"
NOTES = f"{OF_CASE.format('notes.stream_id')} or {OF_FILE.format('notes.stream_id')}"
KEYS = f"{OF_CASE.format('data_keys.stream_id')} or shouhu_opens(data_keys.stream_id)"
ENTRIES = f"""{AT_MY_DESK} or desk = any ({LIST.format("keeps")})
  or ({STAFF} and book = any ({LIST.format("books")}))"""
SIGHT = {
    "children": (CHILDREN, f"{OF_CASE.format('children.case_id')} or (case_id is null and {PERSON})"),
    "watches": (WATCHES, f"{PERSON} and {CLEAR}"),
    "child_files": (FILES, f"{PERSON} and {FILE_CLEAR.format('child_id')}"),
    "contents": (OF_FILE.format("contents.stream_id"), OF_FILE.format("contents.stream_id")),
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
"""Every child of whom the person's desk keeps the watch, has an offer or a step to do, whom it registered, or who is one with such a child."""
OPENS = """
create function shouhu_opens(stream varchar) returns boolean
language plpgsql stable set search_path = public set plan_cache_mode = force_generic_plan as $$
begin
  return case split_part(stream, '-', 1)
    when 'watch' then exists (select from watches w where w.id = stream)
    when 'file' then exists (select from child_files f where f.id = stream)
    when 'upload' then exists (select from files f where f.id = stream)
    when 'sheet' then exists (select from sheet_jobs j where j.id = stream)
    when 'entry' then exists (select from register_entries r where r.id = stream)
    else exists (select from children k where k.case_id = stream) end;
end $$
"""
"""By the caller's own sight of what the stream is about. Planned once a connection, for else its many walls would be planned at each read."""
KEEPS_ONE_OF = """
create function shouhu_keeps_one_of(reported_in varchar) returns boolean
language plpgsql stable set search_path = public set plan_cache_mode = force_generic_plan as $$
begin
  return exists (select from children k where k.case_id = reported_in);
end $$
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
    "shouhu_own_child(varchar)": OWN_CHILD, "shouhu_family(varchar)": FAMILY,
    "shouhu_file_concerned(varchar, varchar[])": FILE_CONCERNED, "shouhu_kept()": KEPT_BY_ME, "shouhu_opens(varchar)": OPENS,
    "shouhu_keeps_one_of(varchar)": KEEPS_ONE_OF, "shouhu_reach(text, text)": REACH,
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
