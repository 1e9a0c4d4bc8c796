"""Files of children: what is entered goes its path and counts from the day on which it was passed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A file begins with the first change that is entered; until then the child is as it was reported."""
    op.create_table(
        "child_files",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("conducted_version", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("policy", sa.String(60), nullable=False),
        sa.Column("progress", postgresql.JSONB(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("next_deadline_at", sa.DateTime(timezone=True)),
        sa.Column("division", sa.String(9), nullable=False),
        sa.Column("child_id", sa.String(80), nullable=False, unique=True),
        sa.Column("desks", postgresql.ARRAY(sa.String(40)), nullable=False),
        comment="A child's file once something was entered in it; `desks` are those whose step is due.",
    )
    op.create_index(
        "ix_child_files_behind", "child_files", ["id"], postgresql_where=sa.text("version > conducted_version")
    )
    op.create_index(
        "ix_child_files_desks",
        "child_files",
        ["desks"],
        postgresql_using="gin",
        postgresql_where=sa.text("is_open"),
    )
    op.create_table(
        "contents",
        sa.Column("stream_id", sa.String(80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "version"),
        comment="Names, numbers and texts that came with the event of that version.",
    )


def downgrade() -> None:
    """What was entered goes with the tables."""
    op.drop_table("contents")
    op.drop_table("child_files")
