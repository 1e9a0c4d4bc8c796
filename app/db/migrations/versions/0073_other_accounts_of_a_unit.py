"""A case about a unit is kept from whoever has another account in it as well, at whatever office they sit now."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None

SAME_PERSON = """
create or replace function shouhu_same_person() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if pg_trigger_depth() < 2 then
    update people p set also = coalesce(
      (select array_agg(o.id order by o.id) from people o where o.staff_no = p.staff_no and o.id <> p.id), '{{}}'){also_at}
    where p.id = new.id or p.staff_no = new.staff_no or (tg_op = 'UPDATE' and p.staff_no = old.staff_no);
  end if;
  return null;
end $$
"""
OF_OTHERS = """array(select distinct w.at from people o
    cross join lateral (values (o.unit), (case when o.agency in ('STREET', 'COMM') then o.desk end)) w(at)
    where o.staff_no = p.staff_no and o.id <> p.id and w.at is not null order by 1)"""
"""A whole authority is concerned only where it is named."""
TRIGGER = "create trigger same_person after insert or update of {columns} on people for each row execute function shouhu_same_person()"
ENTER = """
create or replace function shouhu_enter(digest text) returns setof people language plpgsql as $$
declare found_one people;
begin
  select * into found_one from shouhu_by_token(digest);
  if found then perform shouhu_stand(found_one, array[found_one.id]{also}); return next found_one; end if;
end $$
"""
SIT = """
create or replace function shouhu_sit(absent text, deputy text, at timestamptz) returns setof people language plpgsql as $$
declare found_one people;
begin
  select * into found_one from shouhu_seat_of(absent, deputy, at);
  if found then perform shouhu_stand(found_one, array[deputy, absent]{also}); return next found_one; end if;
end $$
"""
RESUME = """
create or replace function shouhu_resume(digest text, seen_after timestamptz, began_after timestamptz) returns setof people
language plpgsql as $$
declare found_one people;
begin
  select * into found_one from shouhu_in_session(digest, seen_after, began_after);
  if found then perform shouhu_stand(found_one, array[found_one.id]{also}); return next found_one; end if;
end $$
"""
BEFORE, NOW = "p.also::text[]", "p.also::text[] || p.also_at::text[]"
COMMENT = "`staff_no` is a digest of the national staff number; `also`, kept by a trigger, are the other accounts with the same"


def upgrade() -> None:
    """Also of those who are known to have two."""
    op.add_column("people", sa.Column("also_at", postgresql.ARRAY(sa.String(80)), server_default="{}", nullable=False))
    op.execute(f"update people p set also_at = {OF_OTHERS} where p.staff_no is not null")
    op.execute(SAME_PERSON.format(also_at=f",\n    also_at = {OF_OTHERS}"))
    _trigger("staff_no, unit, desk, agency")
    _enter(NOW)
    op.create_table_comment("people", f"{COMMENT}, and `also_at` the units and local desks of these.")


def downgrade() -> None:
    """By the accounts alone."""
    _enter(BEFORE)
    op.execute(SAME_PERSON.format(also_at=""))
    _trigger("staff_no")
    op.create_table_comment("people", f"{COMMENT}.")
    op.drop_column("people", "also_at")


def _trigger(columns: str) -> None:
    op.execute("drop trigger same_person on people")
    op.execute(TRIGGER.format(columns=columns))


def _enter(marks: str) -> None:
    """`marks` of a row `p` of people."""
    own = f" || {marks.replace('p.', 'found_one.')}"
    theirs = f"{own} || coalesce((select {marks} from people p where p.id = deputy), '{{}}')"
    for made, also in ((ENTER, own), (SIT, theirs), (RESUME, own)):
        op.execute(made.format(also=also))
