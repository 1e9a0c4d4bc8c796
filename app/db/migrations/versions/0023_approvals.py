"""What takes two persons, and which accounts are one natural person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
SET = "nullif(current_setting('shouhu.{}', true), '')"
LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MINE = f"person_id = {SET.format('person')}"
CLEAR = f"(case_id is null or not shouhu_concerned(case_id, {LIST.format('marks')}))"
OF_US = f"(desk = any ({LIST.format('desks')}) or agency = any ({LIST.format('agencies')}))"
SIGHT = f"{MINE} or ({CLEAR} and {OF_US})"
DISTRICT = f"{MINE} or ({SET.format('person')} is not null and {CLEAR})"
SAME_PERSON = """
create function shouhu_same_person() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if pg_trigger_depth() < 2 then
    update people p set also = coalesce(
      (select array_agg(o.id order by o.id) from people o where o.staff_no = p.staff_no and o.id <> p.id), '{}')
    where p.id = new.id or p.staff_no = new.staff_no or (tg_op = 'UPDATE' and p.staff_no = old.staff_no);
  end if;
  return null;
end $$
"""
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
ALSO = " || found_one.also::text[]"
DEPUTY_ALSO = f"{ALSO} || coalesce((select p.also from people p where p.id = deputy), '{{}}')::text[]"


def upgrade() -> None:
    """Nobody is known to have two accounts, nothing is proposed."""
    op.add_column("people", sa.Column("staff_no", sa.String(64)))
    op.add_column("people", sa.Column("also", postgresql.ARRAY(sa.String(80)), server_default="{}", nullable=False))
    op.create_index(op.f("ix_people_staff_no"), "people", ["staff_no"])
    op.create_table_comment(
        "people",
        "`staff_no` is a digest of the national staff number; `also`, kept by a trigger, are the other accounts with the same.",
    )
    op.execute(SAME_PERSON)
    op.execute("revoke all on function shouhu_same_person() from public")
    op.execute(
        "create trigger same_person after insert or update of staff_no on people for each row execute function shouhu_same_person()"
    )
    for made, also in ((ENTER, ALSO), (SIT, DEPUTY_ALSO), (RESUME, ALSO)):
        op.execute(made.format(also=also))
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("act", sa.String(20), nullable=False),
        sa.Column("parameters", postgresql.JSONB(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("case_id", sa.String(80)),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(80), nullable=False),
        sa.Column("behalf", sa.String(80)),
        sa.Column("proposed_by", postgresql.ARRAY(sa.String(80)), nullable=False),
        sa.Column("agency", sa.String(20), nullable=False),
        sa.Column("desk", sa.String(40), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(80)),
        sa.Column("approved_behalf", sa.String(80)),
        sa.Column("approved_at", sa.DateTime(timezone=True)),
        sa.Column("rejected_by", sa.String(80)),
        sa.Column("rejected_at", sa.DateTime(timezone=True)),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.CheckConstraint("not (approved_by = any (proposed_by))", name=op.f("ck_approvals_two_persons")),
        comment="What takes two persons; `proposed_by` are all accounts of the persons who proposed.",
    )
    op.create_index(op.f("ix_approvals_person_id_digest"), "approvals", ["person_id", "digest"])
    waiting = sa.text("approved_at IS NULL AND rejected_at IS NULL")
    op.create_index("ix_approvals_waiting", "approvals", ["expires_at"], postgresql_where=waiting)
    op.execute("alter table approvals enable row level security")
    op.execute("alter table approvals force row level security")
    op.execute("create policy owner on approvals using (true) with check (true)")
    op.execute("alter policy owner on approvals to current_user")
    op.execute("create policy service on approvals to shouhu_worker, shouhu_door using (true) with check (true)")
    op.execute(f"create policy sight on approvals for select to shouhu_app using ({SIGHT})")
    op.execute(f"create policy district on approvals for select to shouhu_wide using ({DISTRICT})")
    op.execute(f"revoke delete, truncate on approvals from {ROLES}")


def downgrade() -> None:
    """What was approved is forgotten, and every account is a person of its own."""
    op.drop_table("approvals")
    for made in (ENTER, SIT, RESUME):
        op.execute(made.format(also=""))
    op.execute("drop trigger same_person on people")
    op.execute("drop function shouhu_same_person()")
    op.drop_table_comment("people")
    op.drop_index(op.f("ix_people_staff_no"), "people")
    op.drop_column("people", "also")
    op.drop_column("people", "staff_no")
