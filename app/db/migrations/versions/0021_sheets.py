"""Jobs over sheets with their workbooks, each behind the wall of who asked for it; a child's cases are found by index."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

MINE = "person_id = nullif(current_setting('shouhu.person', true), '')"
SIGHT = {"sheet_jobs": MINE, "sheet_parts": "exists (select from sheet_jobs j where j.id = job_id)"}


def upgrade() -> None:
    """New tables, and two indexes: every page of a book asks for the cases of its children."""
    op.create_table(
        "sheet_jobs",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("step", sa.String(10), nullable=False),
        sa.Column("book", sa.String(40), nullable=False),
        sa.Column("person_id", sa.String(80), nullable=False),
        sa.Column("actor", postgresql.JSONB(), nullable=False),
        sa.Column("why", sa.String(40)),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("problem", sa.String(60)),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("counts", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("faults", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_jobs")),
        comment="Exports and imports of books; `faults` are rows, columns and codes, never what stood there.",
    )
    op.create_index(
        "ix_sheet_jobs_waiting", "sheet_jobs", ["at"], postgresql_where=sa.text("state in ('waiting', 'running')")
    )
    op.create_index(op.f("ix_sheet_jobs_person_id_at"), "sheet_jobs", ["person_id", "at"])
    op.create_table(
        "sheet_parts",
        sa.Column("job_id", sa.String(80), nullable=False),
        sa.Column("name", sa.String(10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "name", "number", name=op.f("pk_sheet_parts")),
        comment="Workbooks that were sent or made, in pieces; gone after a day.",
    )
    op.create_index("ix_cases_of_watch", "cases", [sa.text("(progress ->> 'watch')")])
    op.create_index("ix_cases_linked_to", "cases", ["linked_to"], postgresql_where=sa.text("linked_to is not null"))
    for table, mine in SIGHT.items():
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy owner on {table} using (true) with check (true)")
        op.execute(f"alter policy owner on {table} to current_user")
        op.execute(f"create policy service on {table} to shouhu_worker, shouhu_door using (true) with check (true)")
        op.execute(f"create policy sight on {table} to shouhu_app using ({mine})")
        op.execute(f"create policy district on {table} to shouhu_wide using ({mine})")


def downgrade() -> None:
    """Nothing of a child's file is lost with them."""
    op.drop_index("ix_cases_linked_to", "cases")
    op.drop_index("ix_cases_of_watch", "cases")
    op.drop_table("sheet_parts")
    op.drop_table("sheet_jobs")
