"""Accounts with a password and a one-time code, and the sessions that they begin."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
IN_SESSION = """
create function shouhu_in_session(digest text, seen_after timestamptz, began_after timestamptz) returns setof people
language sql stable security definer set search_path = public as
$$ select p.* from people p join sessions s on s.person_id = p.id
   where s.token_hash = digest and s.ended_at is null and s.seen_at > seen_after and s.began_at > began_after and p.is_active $$
"""
RESUME = """
create function shouhu_resume(digest text, seen_after timestamptz, began_after timestamptz) returns setof people
language plpgsql as $$
declare found_one people;
begin
  select * into found_one from shouhu_in_session(digest, seen_after, began_after);
  if found then perform shouhu_stand(found_one, array[found_one.id]); return next found_one; end if;
end $$
"""
FUNCTIONS = {
    "shouhu_in_session(text, timestamptz, timestamptz)": IN_SESSION,
    "shouhu_resume(text, timestamptz, timestamptz)": RESUME,
}


def upgrade() -> None:
    """New tables, both empty: nobody can sign in before an account is made."""
    op.create_table(
        "accounts",
        sa.Column("person_id", sa.String(80), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp_secret", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("waits_until", sa.DateTime(timezone=True)),
        sa.Column("last_step", sa.BIGINT(), server_default="0", nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_accounts")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_accounts_person_id_people")),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("person_id", sa.String(80), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sessions_person_id_people")),
    )
    op.create_index(op.f("ix_sessions_person_id"), "sessions", ["person_id"])
    for signature, made in FUNCTIONS.items():
        op.execute(made)
        op.execute(f"revoke all on function {signature} from public")
        op.execute(f"grant execute on function {signature} to {ROLES}")


def downgrade() -> None:
    """Everybody is signed out."""
    for signature in reversed(FUNCTIONS):
        op.execute(f"drop function {signature}")
    op.drop_table("sessions")
    op.drop_table("accounts")
