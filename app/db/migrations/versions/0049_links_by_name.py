"""A unit's link says what the unit is called: whoever reports sees for whom, and need not write it again."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Links that were made before go on without a name."""
    op.add_column("entry_links", sa.Column("name", sa.String(100)))


def downgrade() -> None:
    """The names go."""
    op.drop_column("entry_links", "name")
