"""What is a person's own at a desk: forms that are half filled in, and views of the list of tasks that were kept."""

from sqlalchemy import Boolean, Column, Index, Integer, PrimaryKeyConstraint, String, Table
from sqlalchemy.dialects.postgresql import JSONB

from app.db.columns import Id, Instant, keyed_by, metadata, of_service, sealed

form_drafts = Table(
    "form_drafts",
    metadata,
    Column("person_id", Id, nullable=False),
    Column("case_id", Id, nullable=False),
    Column("form", String(200), nullable=False),
    sealed("said", "json"),
    Column("version", Integer, nullable=False),
    Column("saved_at", Instant, nullable=False),
    PrimaryKeyConstraint("person_id", "case_id", "form"),
    Index(None, "saved_at"),
    info=keyed_by("case_id"),
    comment="What somebody has typed into a form of a case and not sent; `version` is that of the case on which it was typed.",
)

saved_views = Table(
    "saved_views",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", Id, nullable=False),
    sealed("name"),
    Column("query", JSONB, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("made_at", Instant, nullable=False),
    Index(None, "person_id"),
    info={"stream": of_service},
    comment="A person's own view of the list of tasks: its tab and filters, under a name of theirs.",
)
