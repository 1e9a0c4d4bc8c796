"""Files that belong to cases, reports that are being written, and the links by which a unit's people come to the door."""

from sqlalchemy import Column, Index, Integer, String, Table, text

from app.db.columns import Id, Instant, keyed_by, metadata, sealed

files = Table(
    "files",
    metadata,
    Column("id", Id, primary_key=True),
    Column("owner", Id, nullable=False),
    Column("stream_id", Id),
    Column("version", Integer),
    sealed("name"),
    Column("media_type", String(100), nullable=False),
    Column("size", Integer, nullable=False),
    sealed("content", "bytes"),
    Column("added_at", Instant, nullable=False),
    Index(None, "stream_id", "version"),
    Index("ix_files_waiting", "owner", postgresql_where=text("stream_id is null")),
    info=keyed_by("id"),
    comment="Cleaned files. Once a fact of a case has brought one along, `stream_id` and `version` say which; before, it is its owner's.",
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("link_id", Id),
    Column("person_id", Id),
    sealed("said", "json"),
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("case_id", Id),
    Index(None, "seen_at"),
    info=keyed_by("id"),
    comment="A report while it is written, by somebody who came by a link or signed in; `case_id` is what became of it.",
)

entry_links = Table(
    "entry_links",
    metadata,
    Column("id", Id, primary_key=True),
    Column("code_hash", String(64), nullable=False, unique=True),
    Column("unit", Id, nullable=False),
    Column("agency", String(20), nullable=False),
    Column("desk", String(40), nullable=False),
    Column("division", String(9)),
    Column("reporter_class", String(20), nullable=False),
    Column("name", String(100)),
    Column("made_by", Id, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("ended_at", Instant),
    comment="The printed link of a unit: whoever has it may report in the unit's name, and see nothing.",
)
