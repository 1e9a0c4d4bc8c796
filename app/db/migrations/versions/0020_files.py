"""Files, drafts of reports and the units' links to the door, the first two behind the wall."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

OF_CASE = "exists (select from cases c where c.id = files.stream_id)"
SIGHT = {"files": (OF_CASE, OF_CASE), "drafts": ("false", "false")}


def upgrade() -> None:
    """All empty."""
    op.create_table(
        "files",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("owner", sa.String(80), nullable=False),
        sa.Column("stream_id", sa.String(80)),
        sa.Column("version", sa.Integer()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        comment="Cleaned files. Once a fact of a case has brought one along, `stream_id` and `version` say which; before, it is its owner's.",
    )
    op.create_index("ix_files_stream_id_version", "files", ["stream_id", "version"])
    op.create_index("ix_files_waiting", "files", ["owner"], postgresql_where="stream_id is null")
    op.create_table(
        "drafts",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("link_id", sa.String(80)),
        sa.Column("person_id", sa.String(80)),
        sa.Column("said", postgresql.JSONB(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("case_id", sa.String(80)),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
        sa.UniqueConstraint("token_hash", name="uq_drafts_token_hash"),
        comment="A report while it is written, by somebody who came by a link or signed in; `case_id` is what became of it.",
    )
    op.create_index("ix_drafts_seen_at", "drafts", ["seen_at"])
    op.create_table(
        "entry_links",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("unit", sa.String(80), nullable=False),
        sa.Column("agency", sa.String(20), nullable=False),
        sa.Column("desk", sa.String(40), nullable=False),
        sa.Column("division", sa.String(9)),
        sa.Column("reporter_class", sa.String(20), nullable=False),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_entry_links"),
        sa.UniqueConstraint("code_hash", name="uq_entry_links_code_hash"),
        comment="The printed link of a unit: whoever has it may report in the unit's name, and see nothing.",
    )
    for table, (mine, wide) in SIGHT.items():
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy owner on {table} using (true) with check (true)")
        op.execute(f"alter policy owner on {table} to current_user")
        op.execute(f"create policy service on {table} to shouhu_worker, shouhu_door using (true) with check (true)")
        op.execute(f"create policy sight on {table} to shouhu_app using ({mine})")
        op.execute(f"create policy district on {table} to shouhu_wide using ({wide})")


def downgrade() -> None:
    """What was uploaded and begun is lost, and every printed link ends."""
    for table in ("entry_links", "drafts", "files"):
        op.drop_table(table)
