"""Keys of machines, behind the wall; a machine has no token of a person any more."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
SET = "nullif(current_setting('shouhu.{}', true), '')"
MINE = f"unit = {SET.format('unit')} or unit = any (string_to_array({SET.format('desks')}, ',')::varchar[])"
BY_KEY = """
create function shouhu_by_key(digest text, at timestamptz) returns setof api_keys
language plpgsql security definer set search_path = public as $$
begin
  update api_keys set last_used_at = at where id in (
    select k.id from api_keys k where k.digest = $1 and k.revoked_at is null and k.expires_at > at
      and (k.last_used_at is null or k.last_used_at < at - interval '1 minute') for update skip locked);
  return query select k.* from api_keys k where k.digest = $1 and k.revoked_at is null and k.expires_at > at;
end $$
"""
ENTER = """
create function shouhu_enter_key(digest text, at timestamptz) returns setof api_keys language plpgsql as $$
declare
  found_one api_keys;
  seat people;
begin
  select * into found_one from shouhu_by_key(digest, at);
  if not found then return; end if;
  seat.id := lower(found_one.unit) || '.machine';
  seat.agency := found_one.agency; seat.desk := found_one.desk; seat.division := found_one.division;
  seat.roles := '{machine}'; seat.unit := nullif(found_one.unit, found_one.desk);
  perform shouhu_stand(seat, array[seat.id]::text[]);
  if found_one.unit <> found_one.desk or not found_one.scopes && '{task:read,task:work}'::varchar[] then
    perform set_config('shouhu.desks', '', true), set_config('shouhu.agencies', '', true);
  elsif length(found_one.division) = 9 then
    perform set_config('shouhu.agencies', '', true);
  end if;
  return next found_one;
end $$
"""
BY_TOKEN = """
create or replace function shouhu_by_token(digest text) returns setof people
language sql stable security definer set search_path = public as
$$ select * from people where token_hash = digest and is_active{more} $$
"""
NO_MACHINE = " and not 'machine' = any (roles)"
FUNCTIONS = {"shouhu_by_key(text, timestamptz)": BY_KEY, "shouhu_enter_key(text, timestamptz)": ENTER}


def upgrade() -> None:
    """No machine has a key before somebody gives it one."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("unit", sa.String(80), nullable=False),
        sa.Column("agency", sa.String(20), nullable=False),
        sa.Column("desk", sa.String(40), nullable=False),
        sa.Column("division", sa.String(9)),
        sa.Column("scopes", postgresql.ARRAY(sa.String(20)), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("replaced_by", sa.String(80)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
        sa.ForeignKeyConstraint(["desk"], ["desks.id"], name=op.f("fk_api_keys_desk_desks")),
        comment="Keys of machines by the hash of each; a unit is a reporting unit, or the desk itself.",
    )
    op.create_index(op.f("ix_api_keys_unit"), "api_keys", ["unit"])
    op.execute("alter table api_keys enable row level security")
    op.execute("alter table api_keys force row level security")
    op.execute("create policy owner on api_keys using (true) with check (true)")
    op.execute("alter policy owner on api_keys to current_user")
    op.execute("create policy service on api_keys to shouhu_worker, shouhu_door using (true) with check (true)")
    op.execute(f"create policy sight on api_keys to shouhu_app using ({MINE})")
    op.execute(f"create policy district on api_keys to shouhu_wide using ({MINE})")
    for signature, made in FUNCTIONS.items():
        op.execute(made)
        op.execute(f"revoke all on function {signature} from public")
        op.execute(f"grant execute on function {signature} to {ROLES}")
    op.execute(BY_TOKEN.format(more=NO_MACHINE))


def downgrade() -> None:
    """Machines have tokens of persons again."""
    op.execute(BY_TOKEN.format(more=""))
    for signature in reversed(FUNCTIONS):
        op.execute(f"drop function {signature}")
    op.drop_table("api_keys")
