"""Who opened what in full and why; notices about what is no event of a case."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ME = "nullif(current_setting('shouhu.person', true), '')"
OWN_OR_OF_CASE = f"person_id = {ME} or exists (select from cases c where c.id = full_views.case_id)"
OLD, NEW = ("uq_notices_person_id_case_id_version", "uq_notices_person_id_case_id_version_subject")


def upgrade() -> None:
    """A new table, empty, behind the wall."""
    op.create_table(
        "full_views",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("person_id", sa.String(80), nullable=False),
        sa.Column("behalf", sa.String(80)),
        sa.Column("agency", sa.String(20), nullable=False),
        sa.Column("desk", sa.String(40), nullable=False),
        sa.Column("stream_id", sa.String(80), nullable=False),
        sa.Column("case_id", sa.String(80)),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.ARRAY(sa.String(40)), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_full_views")),
    )
    op.create_index(op.f("ix_full_views_person_id_stream_id_until"), "full_views", ["person_id", "stream_id", "until"])
    op.create_index(op.f("ix_full_views_case_id_opened_at"), "full_views", ["case_id", "opened_at"])
    op.execute("alter table full_views enable row level security")
    op.execute("alter table full_views force row level security")
    op.execute("create policy owner on full_views using (true) with check (true)")
    op.execute("alter policy owner on full_views to current_user")
    op.execute("create policy service on full_views to shouhu_worker, shouhu_door using (true) with check (true)")
    op.execute(f"create policy sight on full_views for select to shouhu_app using ({OWN_OR_OF_CASE})")
    op.execute(
        f"create policy district on full_views for select to shouhu_wide using ({OWN_OR_OF_CASE} or case_id is null)"
    )
    op.drop_constraint(OLD, "notices", type_="unique")
    op.create_unique_constraint(NEW, "notices", ["person_id", "case_id", "version", "subject"])


def downgrade() -> None:
    """As before; a second notice about the same version is not kept."""
    op.drop_constraint(NEW, "notices", type_="unique")
    op.execute(
        "delete from notices n using notices o where n.person_id = o.person_id and n.case_id = o.case_id"
        " and n.version = o.version and n.id > o.id"
    )
    op.create_unique_constraint(OLD, "notices", ["person_id", "case_id", "version"])
    op.drop_table("full_views")
