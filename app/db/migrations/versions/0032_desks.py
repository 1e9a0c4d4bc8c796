"""Drafts of forms and kept views, each before its person alone; the initials of a child's name become a mark."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.db.sounds import initials
from app.db.vault import DataKey, Vault, wrapping
from app.domain.identity import clean_name

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

MINE = "person_id = nullif(current_setting('shouhu.person', true), '')"
OF_CASE = f"{MINE} and exists (select from cases c where c.id = form_drafts.case_id)"
SIGHT = {"form_drafts": OF_CASE, "saved_views": MINE}
BATCH = 500


def upgrade() -> None:
    """Two empty tables; names are read once for their initials, so a database that holds children needs the keys."""
    op.create_table(
        "form_drafts",
        sa.Column("person_id", sa.String(80), nullable=False),
        sa.Column("case_id", sa.String(80), nullable=False),
        sa.Column("form", sa.String(200), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "case_id", "form", name="pk_form_drafts"),
        comment="What somebody has typed into a form of a case and not sent; `version` is that of the case on which it was typed.",
    )
    op.create_index("ix_form_drafts_saved_at", "form_drafts", ["saved_at"])
    op.create_table(
        "saved_views",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("person_id", sa.String(80), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", postgresql.JSONB(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saved_views"),
        comment="A person's own view of the list of tasks: its tab and filters, under a name of theirs.",
    )
    op.create_index("ix_saved_views_person_id", "saved_views", ["person_id"])
    for table, mine in SIGHT.items():
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy owner on {table} using (true) with check (true)")
        op.execute(f"alter policy owner on {table} to current_user")
        op.execute(f"create policy service on {table} to shouhu_worker, shouhu_door using (true) with check (true)")
        op.execute(f"create policy sight on {table} to shouhu_app using ({mine})")
        op.execute(f"create policy district on {table} to shouhu_wide using ({mine})")
    mark_initials(op.get_bind())


def mark_initials(conn: sa.Connection) -> None:
    """A further mark for each child whose name is in Chinese."""
    vault: Vault | None = conn.get_execution_options().get("vault")
    if vault is None:
        if conn.execute(sa.text("select exists (select from children)")).scalar_one():
            raise RuntimeError(
                "children's names have to be read for their initials: give the keys, then shouhu migrate"
            )
        return
    for rows in _batches(conn):
        marked = []
        for row in rows:
            secret = vault.master.unwrap(row["kek_id"], row["wrapped"], wrapping(row["stream"]))
            name = DataKey(row["stream"], secret).open(row["name"], f"children|name|{row['id']}").decode()
            marks = [vault.mark("initials", said) for said in initials(clean_name(name))]
            marked.append({"id": row["id"], "more": [one for one in marks if one not in row["marks"]]})
        update = "update children set marks = marks || cast(:more as varchar(16)[]) where id = :id"
        conn.execute(sa.text(update), marked)


def _batches(conn: sa.Connection) -> Iterator[list[dict[str, Any]]]:
    """A child whose key was destroyed has no name any more."""
    query = sa.text(
        "select c.id, c.name, c.marks, k.stream_id as stream, k.wrapped, k.kek_id from children c"
        " join data_keys k on k.stream_id = coalesce(c.case_id, 'file-' || c.id)"
        f" where c.id > :last and k.wrapped is not null order by c.id limit {BATCH}"
    )
    last = ""
    while rows := [dict(row) for row in conn.execute(query, {"last": last}).mappings()]:
        last = rows[-1]["id"]
        yield rows


def downgrade() -> None:
    """What was typed and not sent is lost, and kept views; the marks of initials stay, for nobody can tell them apart."""
    for table in ("saved_views", "form_drafts"):
        op.drop_table(table)
