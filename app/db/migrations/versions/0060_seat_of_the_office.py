"""A deputy sits in the seat for as long as both still belong to that office: whoever was moved, or works there no more, does not."""

from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

SEAT_OF = """
create or replace function shouhu_seat_of(absent text, deputy text, at timestamptz) returns setof people
language sql stable security definer set search_path = public as
$$ select p.* from people p join deputies d on d.person_id = p.id{join}
   where d.person_id = absent and d.deputy_id = deputy and d.from_at <= at and d.until_at > at
     and d.revoked_at is null and p.is_active{fits} limit 1 $$
"""
FITS = """ and s.is_active and s.agency = p.agency
     and (s.desk = p.desk or p.agency not in ('STREET', 'COMM'))
     and p.roles && '{officer,desk_head,agency_head,supervisor,procurator}'::varchar[]
     and s.roles && '{officer,desk_head,agency_head,supervisor,procurator}'::varchar[]
     and not s.roles && '{admin,security_admin,auditor}'::varchar[]"""


def upgrade() -> None:
    """By what both are now, not by what they were when the absence was entered."""
    op.execute(SEAT_OF.replace("{join}", " join people s on s.id = deputy").replace("{fits}", FITS))


def downgrade() -> None:
    """As it was entered."""
    op.execute(SEAT_OF.replace("{join}", "").replace("{fits}", ""))
