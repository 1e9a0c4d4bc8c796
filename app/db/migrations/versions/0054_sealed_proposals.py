"""A proposal to open a sealed record is told to those alone who may open one: it names the case."""

from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

SIGNATURE, ROLES = "shouhu_opens_sealed(varchar[])", "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
SET = "nullif(current_setting('shouhu.{}', true), '')"
LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
PERSON, MINE = f"{SET.format('person')} is not null", f"person_id = {SET.format('person')}"
CLEAR = f"(case_id is null or not shouhu_concerned(case_id, {LIST.format('marks')}))"
OF_US = f"(desk = any ({LIST.format('desks')}) or agency = any ({LIST.format('agencies')}))"
TOLD = f"(act <> 'unseal' or shouhu_opens_sealed({LIST.format('marks')}))"
OPENS = """
create function shouhu_opens_sealed(marks varchar[]) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (
    select from people p
    where p.id = any (marks) and p.agency = any (marks) and p.desk = any (marks) and p.agency in ('PROC', 'COURT')
      and not (p.roles && '{admin,security_admin,auditor}'::varchar[])
      and (p.roles && '{desk_head,agency_head,supervisor}'::varchar[] or (p.agency = 'PROC' and 'procurator' = any (p.roles))))
$$
"""


def _walls(clear: str) -> None:
    op.execute(f"alter policy sight on approvals using ({MINE} or ({clear} and {OF_US}))")
    op.execute(f"alter policy district on approvals using ({MINE} or ({PERSON} and {clear}))")


def upgrade() -> None:
    """Procurators, and the heads of procuratorate and court."""
    op.execute(OPENS)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {ROLES}")
    _walls(f"{CLEAR} and {TOLD}")


def downgrade() -> None:
    """Whoever oversees the district is told as well."""
    _walls(CLEAR)
    op.execute(f"drop function {SIGNATURE}")
