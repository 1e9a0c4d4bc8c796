"""Files that two persons found to be about one child: one belongs to the other, until they are parted."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A pointer; what each file holds stays in it."""
    op.add_column("child_files", sa.Column("merged_into", sa.String(80)))
    op.create_index(
        "ix_child_files_merged_into",
        "child_files",
        ["merged_into"],
        postgresql_where=sa.text("merged_into is not null"),
    )


def downgrade() -> None:
    """Joined files stand apart again, though their events say otherwise."""
    op.drop_index("ix_child_files_merged_into", "child_files")
    op.drop_column("child_files", "merged_into")
