"""Whether a month's book was handed in stands by desk: whoever keeps the book learns of it from the exports, without seeing these."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
SIGNATURE = "shouhu_handed(varchar)"
KEEPS = "string_to_array(nullif(current_setting('shouhu.keeps', true), ''), ',')::varchar[]"
HANDED = f"""
create function shouhu_handed(of_month varchar) returns table (desk varchar, book varchar, person_id varchar, at timestamptz, "rows" integer)
language sql stable security definer set search_path = public as $$
select distinct on (j.actor ->> 'desk', j.book) (j.actor ->> 'desk')::varchar, j.book, j.person_id, j.at,
  coalesce((j.counts ->> 'rows')::integer, 0)
from sheet_jobs j
where j.month = of_month and j.why = 'hand_in' and j.step = 'export' and j.state = 'done' and j.actor ->> 'desk' = any ({KEEPS})
order by j.actor ->> 'desk', j.book, j.at desc
$$
"""
"""The last export of each book to be handed in for the month, of the desks whose books the person keeps; workbooks stay their makers'."""


def upgrade() -> None:
    """A function and the index that it reads."""
    op.create_index(
        "ix_sheet_jobs_handed_in",
        "sheet_jobs",
        ["month"],
        postgresql_where=sa.text("why = 'hand_in' and month is not null"),
    )
    op.execute(HANDED)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {ROLES}")


def downgrade() -> None:
    """As before."""
    op.execute(f"drop function {SIGNATURE}")
    op.drop_index("ix_sheet_jobs_handed_in", "sheet_jobs")
