"""A second report is looked for by the phones of the family too, in one form however they were typed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.domain.identity import normal_phones

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The numbers of the reports that are there are read once."""
    op.add_column("children", sa.Column("phones", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"))
    op.alter_column("children", "phones", server_default=None)
    op.drop_index(op.f("ix_children_phone"), table_name="children")
    conn = op.get_bind()
    known = conn.execute(
        sa.text("select c.id, c.phone, r.family from children c left join reports r on r.case_id = c.case_id")
    )
    rows = [
        {"child": row.id, "phones": list(normal_phones(row.phone, *(m.get("phone") for m in row.family or ())))}
        for row in known
    ]
    for row in rows:
        if row["phones"]:
            conn.execute(sa.text("update children set phones = :phones where id = :child"), row)
    op.create_index("ix_children_phones", "children", ["phones"], postgresql_using="gin")


def downgrade() -> None:
    """As before."""
    op.drop_index("ix_children_phones", "children")
    op.drop_column("children", "phones")
    op.create_index(op.f("ix_children_phone"), "children", ["phone"])
