"""Row-level security: the API's role owns nothing and sees what its person may see; the worker's sees what the process needs."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ROLES = ("shouhu_app", "shouhu_worker", "shouhu_wide", "shouhu_door")
ALL = ", ".join(ROLES)
MAKE_ROLE = """
do $$ begin
  if not exists (select from pg_roles where rolname = '{role}') then create role {role} nologin noinherit; end if;
exception when insufficient_privilege then
  raise exception 'the role {role} is missing: see deploy/postgres/10-roles.sql, then migrate again';
end $$
"""
MEMBERS = """
do $$ begin
  if not pg_has_role('shouhu_app', '{role}', 'member') then grant {role} to shouhu_app; end if;
exception when insufficient_privilege then
  raise exception 'shouhu_app may not become {role}: see deploy/postgres/10-roles.sql, then migrate again';
end $$
"""
SET = "nullif(current_setting('shouhu.{}', true), '')"
LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MINE = f"""
  not (about && coalesce({LIST.format("marks")}, '{{}}'))
  and (desks && {LIST.format("desks")} or agencies && {LIST.format("agencies")} or reporter_unit = {SET.format("unit")}
       or (rung = 'procuratorate' and {SET.format("procurator")} = 'on'))
"""
UNCONCERNED = f"not (about && coalesce({LIST.format('marks')}, '{{}}'))"
OF_CASE = "exists (select from cases c where c.id = {}.{})"
NOT_ABOUT_ME = f"not shouhu_concerned(case_id, {LIST.format('marks')})"
TO_ME = f"person_id = {SET.format('person')} and {NOT_ABOUT_ME}"
AT_MY_DESK = f"desk = any ({LIST.format('desks')}) and {NOT_ABOUT_ME}"
SIGHT = {
    "cases": (MINE, f"{SET.format('person')} is not null and {UNCONCERNED}"),
    "watches": (AT_MY_DESK, f"{SET.format('person')} is not null and {NOT_ABOUT_ME}"),
    "notices": (TO_ME, TO_ME),
    "contents": ("false", "false"),
    "child_files": (f"desks && {LIST.format('desks')}", f"desks && {LIST.format('desks')}"),
    "people": (f"{SET.format('person')} is not null", f"{SET.format('person')} is not null"),
    **{
        name: (OF_CASE.format(name, key), OF_CASE.format(name, key))
        for name, key in {
            "reports": "case_id", "children": "case_id", "notes": "stream_id", "suggestions": "case_id", "tasks": "case_id",
        }.items()
    },
}  # fmt: skip
"""What a person sees of each table, and what one whose sight is the whole district does."""

CONCERNED = """
create function shouhu_concerned(case_id varchar, marks varchar[]) returns boolean
language sql stable security definer set search_path = public as
$$ select exists (select from cases c where c.id = case_id and c.about && marks) $$
"""
BY_TOKEN = """
create function shouhu_by_token(digest text) returns setof people
language sql stable security definer set search_path = public as
$$ select * from people where token_hash = digest and is_active $$
"""
SEAT_OF = """
create function shouhu_seat_of(absent text, deputy text, at timestamptz) returns setof people
language sql stable security definer set search_path = public as
$$ select p.* from people p join deputies d on d.person_id = p.id
   where d.person_id = absent and d.deputy_id = deputy and d.from_at <= at and d.until_at > at
     and d.revoked_at is null and p.is_active limit 1 $$
"""
STAND = """
create function shouhu_stand(seat people, persons text[]) returns void language plpgsql as $$
declare
  staff boolean := seat.roles && '{officer,desk_head,agency_head,supervisor,procurator}'::varchar[];
  heads boolean := seat.roles && '{desk_head,agency_head,supervisor}'::varchar[];
  machine boolean := 'machine' = any (seat.roles);
  procurator boolean := seat.agency = 'PROC' and 'procurator' = any (seat.roles);
  territorial boolean := seat.agency in ('STREET', 'COMM');
  whole boolean := (seat.roles && '{agency_head,supervisor}'::varchar[] and not territorial)
    or procurator or (seat.agency = 'COMMITTEE' and staff) or (territorial and machine);
  wide boolean := (seat.agency = 'CONF' and staff) or (seat.agency = 'CIVIL' and 'supervisor' = any (seat.roles));
  desks text := case when not (staff or machine) then ''
    when seat.agency = 'STREET' and heads then seat.desk || ',COMM-' || substr(seat.desk, 8) else seat.desk end;
  unit text := case when seat.roles && '{reporter,machine}'::varchar[] then coalesce(seat.unit, '') else '' end;
begin
  if seat.roles && '{admin,security_admin,auditor}'::varchar[] then
    wide := false; whole := false; procurator := false; desks := ''; unit := '';
  end if;
  perform set_config('shouhu.person', persons[1], true), set_config('shouhu.desks', desks, true),
    set_config('shouhu.agencies', case when whole then seat.agency else '' end, true), set_config('shouhu.unit', unit, true),
    set_config('shouhu.procurator', case when procurator then 'on' else '' end, true),
    set_config('shouhu.marks', array_to_string(persons || array[seat.desk, seat.agency, seat.unit]::text[], ','), true),
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('role', case when wide then 'shouhu_wide' else current_user::text end, true);
end $$
"""
ENTER = """
create function shouhu_enter(digest text) returns setof people language plpgsql as $$
declare found_one people;
begin
  select * into found_one from shouhu_by_token(digest);
  if found then perform shouhu_stand(found_one, array[found_one.id]); return next found_one; end if;
end $$
"""
SIT = """
create function shouhu_sit(absent text, deputy text, at timestamptz) returns setof people language plpgsql as $$
declare found_one people;
begin
  select * into found_one from shouhu_seat_of(absent, deputy, at);
  if found then perform shouhu_stand(found_one, array[deputy, absent]); return next found_one; end if;
end $$
"""
FUNCTIONS = {
    "shouhu_concerned(varchar, varchar[])": CONCERNED, "shouhu_by_token(text)": BY_TOKEN,
    "shouhu_seat_of(text, text, timestamptz)": SEAT_OF, "shouhu_stand(people, text[])": STAND, "shouhu_enter(text)": ENTER,
    "shouhu_sit(text, text, timestamptz)": SIT,
}  # fmt: skip


def upgrade() -> None:
    """Roles, what they may, and what they see."""
    for role in ROLES:
        op.execute(MAKE_ROLE.format(role=role))
    for role in ("shouhu_wide", "shouhu_door"):
        op.execute(MEMBERS.format(role=role))
    for signature, made in FUNCTIONS.items():
        op.execute(made)
        op.execute(f"revoke all on function {signature} from public")
        op.execute(f"grant execute on function {signature} to {ALL}")
    op.execute(f"grant usage on schema public to {ALL}")
    for what in ("all tables in schema public", "default"):
        for rights, things in (("select, insert, update, delete", "tables"), ("usage, select", "sequences")):
            if what == "default":
                op.execute(f"alter default privileges in schema public grant {rights} on {things} to {ALL}")
            else:
                op.execute(f"grant {rights} on all {things} in schema public to {ALL}")
    op.execute(f"revoke insert, update, delete on alembic_version from {ALL}")
    op.execute(f"revoke update, delete, truncate on events, commands, audit, seals from {ALL}")
    op.create_index("ix_cases_procuratorate", "cases", ["filed_at"], postgresql_where="rung = 'procuratorate'")
    for table, (mine, wide) in SIGHT.items():
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy owner on {table} using (true) with check (true)")
        op.execute(f"alter policy owner on {table} to current_user")
        op.execute(f"create policy service on {table} to shouhu_worker, shouhu_door using (true) with check (true)")
        op.execute(f"create policy sight on {table} to shouhu_app using ({mine})")
        op.execute(f"create policy district on {table} to shouhu_wide using ({wide})")


def downgrade() -> None:
    """As before; the roles stay, for other databases of the server may use them."""
    for table in SIGHT:
        for policy in ("owner", "service", "sight", "district"):
            op.execute(f"drop policy {policy} on {table}")
        op.execute(f"alter table {table} no force row level security")
        op.execute(f"alter table {table} disable row level security")
    op.drop_index("ix_cases_procuratorate", "cases")
    op.execute(f"revoke all on all tables in schema public from {ALL}")
    op.execute(f"revoke all on all sequences in schema public from {ALL}")
    op.execute(f"alter default privileges in schema public revoke all on tables from {ALL}")
    op.execute(f"alter default privileges in schema public revoke all on sequences from {ALL}")
    op.execute(f"revoke usage on schema public from {ALL}")
    for signature in reversed(FUNCTIONS):
        op.execute(f"drop function {signature}")
