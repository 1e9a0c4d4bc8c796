"""A pair of files that are alike is behind the wall as both children are, so that whoever reads the list passes no door."""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
SEES = "exists (select from children k where k.id = alike.{})"
BOTH = f"{SEES.format('one')} and {SEES.format('other')}"
SEALED = """
create function shouhu_sealed(case_id varchar) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (select from cases c where c.id = $1 and jsonb_array_length(c.progress -> 'sealed_for') > 0) $$
"""
"""Asked of a child by whoever keeps its file and does not see its case."""


def upgrade() -> None:
    """Nobody but the service saw a row."""
    op.execute(SEALED)
    op.execute("revoke all on function shouhu_sealed(varchar) from public")
    op.execute(f"grant execute on function shouhu_sealed(varchar) to {ROLES}")
    _seen_by(BOTH)


def downgrade() -> None:
    """The service alone sees them again."""
    _seen_by("false")
    op.execute("drop function shouhu_sealed(varchar)")


def _seen_by(rule: str) -> None:
    for policy, role in (("sight", "shouhu_app"), ("district", "shouhu_wide")):
        op.execute(f"drop policy {policy} on alike")
        op.execute(f"create policy {policy} on alike to {role} using ({rule})")
