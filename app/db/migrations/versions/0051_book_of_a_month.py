"""An export of a book may be that of one month."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Exports that were made before are of no month."""
    op.add_column("sheet_jobs", sa.Column("month", sa.String(7)))


def downgrade() -> None:
    """The months go."""
    op.drop_column("sheet_jobs", "month")
