"""What a desk has done is listed by when it was done."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index beside that of the open tasks."""
    op.create_index(
        "ix_tasks_done", "tasks", ["desk", "ended_at", "case_id", "subject"], postgresql_where=sa.text("not is_open")
    )


def downgrade() -> None:
    """Without it."""
    op.drop_index("ix_tasks_done", table_name="tasks")
