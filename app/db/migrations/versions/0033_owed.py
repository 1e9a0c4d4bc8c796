"""What desks owe outside of cases, the signals of other systems, and children's files that are alike."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

AT_MY_DESK = "desk = any (string_to_array(nullif(current_setting('shouhu.desks', true), ''), ',')::varchar[])"
DISTRICT = "nullif(current_setting('shouhu.person', true), '') is not null"
SIGHT = {"owed": (AT_MY_DESK, DISTRICT), "signals": (AT_MY_DESK, DISTRICT), "alike": ("false", "false")}
"""Who two files may both be about is shown behind the door alone, to whoever sees both children."""


def upgrade() -> None:
    """Seen by the desk, the street over its committees, and those who oversee the district."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "owed",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("conducted_version", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("policy", sa.String(60), nullable=False),
        sa.Column("progress", postgresql.JSONB(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("next_deadline_at", instant),
        sa.Column("division", sa.String(9), nullable=False),
        sa.Column("matter", sa.String(20), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("agency", sa.String(20), nullable=False),
        sa.Column("desk", sa.String(40), nullable=False),
        sa.Column("opened_at", instant, nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("rung", sa.String(20)),
        sa.Column("settled_at", instant),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owed")),
        comment="What a desk owes outside of a case: empty posts, books that differ, signals that wait. Codes and ids only.",
    )
    op.create_index("ix_owed_behind", "owed", ["id"], postgresql_where=sa.text("version > conducted_version"))
    op.create_index("ix_owed_desk", "owed", ["desk", "due_at"], postgresql_where=sa.text("is_open"))
    op.create_index("ix_owed_open", "owed", ["due_at", "id"], postgresql_where=sa.text("is_open"))
    op.create_table(
        "signals",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("unit", sa.String(80), nullable=False),
        sa.Column("agency", sa.String(20), nullable=False),
        sa.Column("sent_id", sa.String(80), nullable=False),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("policy", sa.String(60), nullable=False),
        sa.Column("division", sa.String(9), nullable=False),
        sa.Column("desk", sa.String(40), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("outcome", sa.String(20)),
        sa.Column("child_id", sa.String(80)),
        sa.Column("warning", sa.Integer()),
        sa.Column("case_id", sa.String(80)),
        sa.Column("happened_on", sa.Date()),
        sa.Column("times", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("received_at", instant, nullable=False),
        sa.Column("decided_by", sa.String(80)),
        sa.Column("decided_at", instant),
        sa.Column("said", sa.Text()),
        sa.Column("marks", postgresql.ARRAY(sa.String(16)), nullable=False, server_default="{}"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
        sa.UniqueConstraint("unit", "sent_id", name=op.f("uq_signals_unit_sent_id")),
        comment="What systems of schools, hospitals, the police and 12345 noticed; `said` is forgotten with a decision that needs it no more.",
    )
    op.create_index("ix_signals_held", "signals", ["desk", "received_at"], postgresql_where=sa.text("state = 'held'"))
    op.create_index("ix_signals_marks", "signals", ["marks"], postgresql_using="gin")
    op.create_index("ix_signals_rule_received_at", "signals", ["rule", "received_at"])
    op.create_table(
        "alike",
        sa.Column("one", sa.String(80), nullable=False),
        sa.Column("other", sa.String(80), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("found_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("one", "other", name=op.f("pk_alike")),
        comment="Children's files that may be about one child; why is worked out when somebody looks.",
    )
    op.create_index("ix_alike_other", "alike", ["other"])
    op.create_index("ix_alike_score", "alike", ["score", "one", "other"])
    for table, (mine, district) in SIGHT.items():
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy owner on {table} using (true) with check (true)")
        op.execute(f"alter policy owner on {table} to current_user")
        op.execute(f"create policy service on {table} to shouhu_worker, shouhu_door using (true) with check (true)")
        op.execute(f"create policy sight on {table} to shouhu_app using ({mine})")
        op.execute(f"create policy district on {table} to shouhu_wide using ({district})")


def downgrade() -> None:
    """The lists are lost; the events of what was owed stay."""
    for table in reversed(SIGHT):
        op.drop_table(table)
