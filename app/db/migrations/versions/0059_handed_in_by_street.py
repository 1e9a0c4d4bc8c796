"""Who oversees the district learns which desks have handed in a month's books, and when the workbook was fetched: exported is not yet taken."""

from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

ROLES, SIGNATURE = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door", "shouhu_handed(varchar)"
KEEPS = "string_to_array(nullif(current_setting('shouhu.keeps', true), ''), ',')::varchar[]"
OVERSEES = (
    "(current_setting('shouhu.entered_as', true) = 'shouhu_wide' or current_setting('shouhu.desk', true) = 'CIVIL')"
)
FETCHED = """(select max(a.at) from sheet_jobs o join audit a on a.stream_id = o.id
   where o.month = of_month and o.why = 'hand_in' and o.book = j.book and o.actor ->> 'desk' = j.actor ->> 'desk'
     and a.action = 'fetch_sheet')"""


def _handed(more: str, of_desks: str, columns: str = "") -> str:
    return f"""
create function shouhu_handed(of_month varchar)
returns table (desk varchar, book varchar, person_id varchar, at timestamptz, "rows" integer{columns})
language sql stable security definer set search_path = public as $$
select distinct on (j.actor ->> 'desk', j.book) (j.actor ->> 'desk')::varchar, j.book, j.person_id, j.at,
  coalesce((j.counts ->> 'rows')::integer, 0){more}
from sheet_jobs j
where j.month = of_month and j.why = 'hand_in' and j.step = 'export' and j.state = 'done' and {of_desks}
order by j.actor ->> 'desk', j.book, j.at desc
$$
"""


def _made(function: str) -> None:
    op.execute(f"drop function {SIGNATURE}")
    op.execute(function)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {ROLES}")


def upgrade() -> None:
    """Desks, books and times alone: what stands in a workbook stays its maker's."""
    mine = f"(j.actor ->> 'desk' = any ({KEEPS}) or {OVERSEES})"
    _made(_handed(f", {FETCHED}", mine, ", fetched_at timestamptz"))


def downgrade() -> None:
    """Those alone who keep the books."""
    _made(_handed("", f"j.actor ->> 'desk' = any ({KEEPS})"))
