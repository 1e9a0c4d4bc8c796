"""An account that was made anew for somebody with roles waits for a second administrator."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

SAYS = "`held_at`: made anew for somebody with roles, and good once the security administrator has let it go."


def upgrade() -> None:
    """Nobody waits."""
    op.add_column("accounts", sa.Column("held_at", sa.DateTime(timezone=True)))
    op.execute(f"comment on table accounts is '{SAYS}'")


def downgrade() -> None:
    """Those that wait are good."""
    op.execute("comment on table accounts is null")
    op.drop_column("accounts", "held_at")
