"""The child file's tables: where a file stands, and what was entered, apart from the events that say so."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, String, Table, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.db.columns import Id, conducted, keyed_by, metadata, sealed

child_files = Table(
    "child_files",
    metadata,
    Column("id", Id, primary_key=True),
    *conducted(),
    Column("child_id", Id, nullable=False, unique=True),
    Column("desks", ARRAY(String(40)), nullable=False),
    Column("merged_into", Id),
    Column("community", Id),
    Index("ix_child_files_behind", "id", postgresql_where=text("version > conducted_version")),
    Index("ix_child_files_merged_into", "merged_into", postgresql_where=text("merged_into is not null")),
    Index("ix_child_files_desks", "desks", postgresql_using="gin", postgresql_where=text("is_open")),
    comment="A child's file once something was entered in it; `desks` are those whose step is due.",
)

contents = Table(
    "contents",
    metadata,
    Column("stream_id", Id, nullable=False),
    Column("version", Integer, nullable=False),
    sealed("body", "json"),
    PrimaryKeyConstraint("stream_id", "version"),
    info=keyed_by("stream_id"),
    comment="Names, numbers and texts that came with the event of that version.",
)
