"""The keys of content: one a stream, wrapped by a master key that is never in the database; and which master keys are in use."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, Table, Text

from app.db.columns import Id, Instant, metadata

master_keys = Table(
    "master_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("since", Instant, nullable=False),
    comment="Names of the master keys under which data keys lie here; a name that is gone can wrap nothing any more.",
)
data_keys = Table(
    "data_keys",
    metadata,
    Column("stream_id", Id, primary_key=True),
    Column("wrapped", Text),
    Column("kek_id", String(40), ForeignKey("master_keys.id")),
    Column("created_at", Instant, nullable=False),
    Column("destroyed_at", Instant),
    Index("ix_data_keys_kek_id", "kek_id", "stream_id"),
    CheckConstraint("(wrapped is null) = (kek_id is null) and (wrapped is null) = (destroyed_at is not null)", "whole"),
    comment="The key of a stream's content, wrapped. Once destroyed, nobody reads that content again.",
)
