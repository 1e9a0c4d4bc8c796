"""What is due for destruction, legal holds, and cases whose content was destroyed."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
ME = "nullif(current_setting('shouhu.person', true), '')"
MARKS = "string_to_array(nullif(current_setting('shouhu.marks', true), ''), ',')::varchar[]"
CLEAR = f"(case_id is null or not shouhu_concerned(case_id, {MARKS}))"
SIGHT = {
    "disposals": ("exists (select from cases c where c.id = disposals.case_id)", f"{ME} is not null and {CLEAR}"),
    "legal_holds": (f"set_by = {ME} and {CLEAR}", f"{ME} is not null and {CLEAR}"),
}
"""A line of a case is seen by whoever sees the case; a hold by whoever set it, and by the supervisors."""


def upgrade() -> None:
    """Nothing is due yet. A proposal to merge, which no route ever did by an approval, is gone with its name."""
    op.execute("delete from approvals where act = 'merge'")
    op.add_column("cases", sa.Column("erased_at", sa.DateTime(timezone=True)))
    op.create_table(
        "disposals",
        sa.Column("subject_id", sa.String(80), nullable=False),
        sa.Column("kept", sa.String(10), nullable=False),
        sa.Column("case_id", sa.String(80)),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True)),
        sa.Column("erased_by", sa.String(80)),
        sa.Column("approval_id", sa.String(80)),
        sa.Column("streams", sa.Integer()),
        sa.Column("files", sa.Integer()),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_disposals")),
        sa.CheckConstraint("(erased_at is null) = (approval_id is null)", name=op.f("ck_disposals_by_two")),
        comment="销毁清册: what a schedule found due, and by whose approval it was destroyed. Ids, codes and days only; it is kept.",
    )
    waiting = sa.text("erased_at IS NULL")
    op.create_index("ix_disposals_due", "disposals", ["due_on", "subject_id"], postgresql_where=waiting)
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("subject_id", sa.String(80), nullable=False),
        sa.Column("case_id", sa.String(80)),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("set_by", sa.String(80), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lift_reason", sa.String(20)),
        sa.Column("lifted_by", sa.String(80)),
        sa.Column("lifted_at", sa.DateTime(timezone=True)),
        sa.Column("approval_id", sa.String(80)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_holds")),
        sa.CheckConstraint("(lifted_at is null) = (approval_id is null)", name=op.f("ck_legal_holds_lifted_by_two")),
        comment="What must not be destroyed though its time is over, why, and until when.",
    )
    in_force = sa.text("lifted_at IS NULL")
    op.create_index("ix_legal_holds_in_force", "legal_holds", ["subject_id"], postgresql_where=in_force)
    for table, (mine, wide) in SIGHT.items():
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy owner on {table} using (true) with check (true)")
        op.execute(f"alter policy owner on {table} to current_user")
        op.execute(f"create policy service on {table} to shouhu_worker, shouhu_door using (true) with check (true)")
        op.execute(f"create policy sight on {table} for select to shouhu_app using ({mine})")
        op.execute(f"create policy district on {table} for select to shouhu_wide using ({wide})")
    op.execute(f"revoke truncate on disposals, legal_holds from {ROLES}")
    op.execute(f"revoke delete on legal_holds from {ROLES}")


def downgrade() -> None:
    """What was destroyed stays so."""
    op.drop_table("legal_holds")
    op.drop_table("disposals")
    op.drop_column("cases", "erased_at")
