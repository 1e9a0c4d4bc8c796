"""Break-glass: who read a case that was not theirs to see, why, and how another desk judged it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
ME = "nullif(current_setting('shouhu.person', true), '')"
MARKS = "string_to_array(nullif(current_setting('shouhu.marks', true), ''), ',')::varchar[]"
CLEAR = f"not shouhu_concerned(case_id, {MARKS})"


def upgrade() -> None:
    """Nobody has read in an emergency."""
    op.create_table(
        "emergency_reads",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("case_id", sa.String(80), nullable=False),
        sa.Column("person_id", sa.String(80), nullable=False),
        sa.Column("behalf", sa.String(80)),
        sa.Column("accounts", postgresql.ARRAY(sa.String(80)), nullable=False),
        sa.Column("agency", sa.String(20), nullable=False),
        sa.Column("desk", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("review_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.String(20)),
        sa.Column("reviewed_by", sa.String(80)),
        sa.Column("review_note", sa.Text()),
        sa.Column("reviewed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency_reads")),
        sa.CheckConstraint("not (reviewed_by = any (accounts))", name=op.f("ck_emergency_reads_another_person")),
        comment="Break-glass: who read a case that was not theirs to see, why, and how another desk judged it.",
    )
    waiting = sa.text("reviewed_at IS NULL")
    op.create_index("ix_emergency_reads_open", "emergency_reads", ["review_by"], postgresql_where=waiting)
    op.execute("alter table emergency_reads enable row level security")
    op.execute("alter table emergency_reads force row level security")
    op.execute("create policy owner on emergency_reads using (true) with check (true)")
    op.execute("alter policy owner on emergency_reads to current_user")
    op.execute("create policy service on emergency_reads to shouhu_worker, shouhu_door using (true) with check (true)")
    op.execute(f"create policy sight on emergency_reads for select to shouhu_app using (person_id = {ME} and {CLEAR})")
    op.execute(
        f"create policy district on emergency_reads for select to shouhu_wide using ({ME} is not null and {CLEAR})"
    )
    op.execute(f"revoke delete, truncate on emergency_reads from {ROLES}")


def downgrade() -> None:
    """What was read in emergencies stays in the audit alone."""
    op.drop_table("emergency_reads")
