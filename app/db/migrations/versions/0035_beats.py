"""Workers say that they live, so that the health of the service is seen on a page."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody was heard yet."""
    op.create_table(
        "beats",
        sa.Column("process", sa.String(80), nullable=False),
        sa.Column("build", sa.String(80), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("engine_at", sa.DateTime(timezone=True)),
        sa.Column("reconciled_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_beats")),
        comment="One row a worker process: when it was last heard, and when it last reached the engine and compared it with the ledger.",
    )


def downgrade() -> None:
    """Nobody listens."""
    op.drop_table("beats")
