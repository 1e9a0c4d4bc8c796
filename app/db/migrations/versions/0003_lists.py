"""Lists stay quick when the district has filed for years; an open task always has an instant at which it is due."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STANDING = "tasks.is_open and (tasks.paused or tasks.state = 'returned' or tasks.delivery in ('failing', 'rejected'))"


def upgrade() -> None:
    """Indexes by age for the list of what stands still."""
    op.create_index("ix_tasks_opened", "tasks", ["opened_at"], postgresql_where=sa.text("is_open"))
    op.create_index("ix_tasks_standing", "tasks", ["opened_at"], postgresql_where=sa.text(STANDING))
    op.create_check_constraint(op.f("ck_tasks_open_is_due"), "tasks", "due_at is not null or not is_open")


def downgrade() -> None:
    """As before."""
    op.drop_constraint(op.f("ck_tasks_open_is_due"), "tasks", type_="check")
    op.drop_index("ix_tasks_standing", "tasks")
    op.drop_index("ix_tasks_opened", "tasks")
