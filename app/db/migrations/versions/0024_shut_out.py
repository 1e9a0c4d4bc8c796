"""Whose word it was that is refused; seals are the worker's alone to draw."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
SIGNATURE = "shouhu_shut_out(text, timestamptz)"
SHUT_OUT = """
create function shouhu_shut_out(digest text, at timestamptz) returns table (person text, agency text, desk text, why text)
language sql stable security definer set search_path = public as $$
  select lower(k.unit) || '.machine', k.agency, k.desk, case when k.revoked_at is null then 'key_ended' else 'key_revoked' end
    from api_keys k where k.digest = $1 and (k.revoked_at is not null or k.expires_at <= at)
  union all
  select p.id, p.agency, p.desk, 'inactive' from people p where p.token_hash = $1 and not p.is_active
  union all
  select p.id, p.agency, p.desk, case when p.is_active then 'session_ended' else 'inactive' end
    from sessions s join people p on p.id = s.person_id
    where s.token_hash = $1 and (s.ended_at is not null or not p.is_active)
$$
"""


def upgrade() -> None:
    """Nobody but the sealer needs to write seals."""
    op.execute(SHUT_OUT)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {ROLES}")
    op.execute("revoke insert on seals from shouhu_app, shouhu_wide, shouhu_door")


def downgrade() -> None:
    """As before."""
    op.execute("grant insert on seals to shouhu_app, shouhu_wide, shouhu_door")
    op.execute(f"drop function {SIGNATURE}")
