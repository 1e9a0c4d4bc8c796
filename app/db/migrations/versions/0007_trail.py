"""The audit says why, which children, how it ended and in which request; seals are drawn over it, and its rows only come."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NEW = ("children", "why", "outcome", "trace_id", "xid", "salt")
APPEND_ONLY = """
create function only_appended() returns trigger language plpgsql as
$$ begin raise exception 'rows of % only come', tg_table_name using errcode = 'insufficient_privilege'; end $$
"""


def upgrade() -> None:
    """Rows that are there are sealed with the first seal."""
    table = sa.Column
    op.add_column("audit", table("children", postgresql.ARRAY(sa.String(80)), nullable=False, server_default="{}"))
    op.add_column("audit", table("why", sa.String(40), nullable=False, server_default=""))
    op.add_column("audit", table("outcome", sa.String(20), nullable=False, server_default="done"))
    op.add_column("audit", table("trace_id", sa.String(32), nullable=False, server_default=""))
    now = sa.text("pg_current_xact_id()::text::bigint")
    op.add_column("audit", table("xid", sa.BigInteger(), nullable=False, server_default=now))
    salt = sa.text("gen_random_uuid()")
    op.add_column("audit", table("salt", sa.Uuid(), nullable=False, server_default=salt))
    op.create_index("ix_audit_xid_id", "audit", ["xid", "id"])
    some = sa.text("children <> '{}'")
    op.create_index("ix_audit_children", "audit", ["children"], postgresql_using="gin", postgresql_where=some)
    op.create_table(
        "seals",
        table("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        table("at", sa.DateTime(timezone=True), nullable=False),
        table("below", sa.BigInteger(), nullable=False),
        table("rows", sa.Integer(), nullable=False),
        table("root", sa.LargeBinary(), nullable=False),
        table("head", sa.LargeBinary(), nullable=False),
        table("key_id", sa.String(16), nullable=False),
        table("signature", sa.LargeBinary(), nullable=False),
        comment="A seal covers the rows whose xid lies below its own bound and not below that of the seal before.",
    )
    said = (
        "Append-only: ids, codes and instants. `xid` is the transaction that wrote the row; seals are drawn along it."
    )
    op.create_table_comment("audit", said)
    op.execute(APPEND_ONLY)
    for name in ("audit", "seals"):
        op.execute(
            f"create trigger only_appended before update or delete or truncate on {name}"
            " for each statement execute function only_appended()"
        )


def downgrade() -> None:
    """As before; the seals are lost."""
    op.execute("drop trigger only_appended on audit")
    op.drop_table("seals")
    op.execute("drop function only_appended")
    op.drop_table_comment("audit")
    op.drop_index("ix_audit_children", "audit")
    op.drop_index("ix_audit_xid_id", "audit")
    for name in NEW:
        op.drop_column("audit", name)
