"""A watch that is offered to the desk of the street to which the child has moved."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The row stays the old desk's until the new one has accepted."""
    op.add_column("watches", sa.Column("offered_to", sa.String(40)))
    op.create_index(
        "ix_watches_offered_to", "watches", ["offered_to"], postgresql_where=sa.text("offered_to is not null")
    )


def downgrade() -> None:
    """What was offered is not seen by whom it was offered to."""
    op.drop_index("ix_watches_offered_to", "watches")
    op.drop_column("watches", "offered_to")
