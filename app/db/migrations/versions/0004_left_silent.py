"""Supervisors see who was left silent until the ladder has ended; lists of what waits go on from any row."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LEFT_SILENT = "tasks.state = 'silent' and tasks.next_rung_at is not null"
WAITING = f"(tasks.is_open or {LEFT_SILENT})"
ENDED = """
    update tasks set due_at = null, next_rung_at = null, next_rung = null, rung = null
    from cases where cases.id = tasks.case_id and not cases.is_open and tasks.state = 'silent'
"""


def upgrade() -> None:
    """No ladder climbs on in a case that is closed."""
    op.execute(ENDED)
    op.drop_index("ix_tasks_opened", "tasks")
    keys = ["opened_at", "case_id", "subject"]
    op.create_index("ix_tasks_waiting", "tasks", keys, postgresql_where=sa.text(WAITING))
    op.create_index("ix_tasks_silent", "tasks", ["opened_at"], postgresql_where=sa.text(LEFT_SILENT))


def downgrade() -> None:
    """As before; a ladder that has ended stays so."""
    op.drop_index("ix_tasks_silent", "tasks")
    op.drop_index("ix_tasks_waiting", "tasks")
    op.create_index("ix_tasks_opened", "tasks", ["opened_at"], postgresql_where=sa.text("is_open"))
