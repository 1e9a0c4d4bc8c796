"""A key belongs to the person and the command that used it; what the reconciler finds is kept for a supervisor."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COMMENT = "Idempotency: the same key of the same person with the same command returns the first answer."


def upgrade() -> None:
    """Keys used before belong to whoever wrote the event; their digest fits nothing, so they act on nothing twice."""
    op.add_column("commands", sa.Column("person_id", sa.String(length=80), nullable=True))
    op.add_column("commands", sa.Column("digest", sa.String(length=64), nullable=False, server_default=""))
    op.execute(
        'update commands set person_id = events."by" from events '
        "where events.stream_id = commands.stream_id and events.version = commands.from_version"
    )
    op.alter_column("commands", "person_id", nullable=False)
    op.alter_column("commands", "digest", server_default=None)
    op.drop_constraint("pk_commands", "commands", type_="primary")
    op.create_primary_key("pk_commands", "commands", ["stream_id", "person_id", "key"])
    op.create_table_comment("commands", COMMENT)
    op.create_table(
        "findings",
        sa.Column("id", sa.BIGINT(), sa.Identity(always=True), nullable=False),
        sa.Column("stream_id", sa.String(length=80), nullable=False),
        sa.Column("problem", sa.String(length=40), nullable=False),
        sa.Column("repaired", sa.Boolean(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        comment="What the reconciler found wrong with an open stream, until a later run no longer finds it.",
    )
    op.create_index(
        "uq_findings_open", "findings", ["stream_id", "problem"], unique=True, postgresql_where="ended_at IS NULL"
    )


def downgrade() -> None:
    """Two persons' use of one key cannot be told apart any more; the first stays."""
    op.drop_table("findings")
    op.execute(
        "delete from commands a using commands b "
        "where a.stream_id = b.stream_id and a.key = b.key and a.from_version > b.from_version"
    )
    op.drop_constraint("pk_commands", "commands", type_="primary")
    op.create_primary_key("pk_commands", "commands", ["stream_id", "key"])
    op.drop_column("commands", "digest")
    op.drop_column("commands", "person_id")
    op.create_table_comment("commands", "Idempotency: the same key again returns the first answer.")
