"""The audit: who read or changed what of whom, in rows that only come, and the seals over them."""

from sqlalchemy import Column, Identity, Index, Integer, LargeBinary, String, Table, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT

from app.db.columns import Id, Instant, metadata

audit = Table(
    "audit",
    metadata,
    Column("id", BIGINT, Identity(always=True), primary_key=True),
    Column("at", Instant, nullable=False, server_default=func.clock_timestamp()),
    Column("person_id", Id, nullable=False),
    Column("behalf", Id),
    Column("agency", String(20), nullable=False),
    Column("action", String(40), nullable=False),
    Column("stream_id", Id),
    Column("version", Integer),
    Column("fields", ARRAY(String(40)), nullable=False, server_default="{}"),
    Column("children", ARRAY(Id), nullable=False, server_default="{}"),
    Column("why", String(40), nullable=False, server_default=""),
    Column("outcome", String(20), nullable=False, server_default="done"),
    Column("trace_id", String(32), nullable=False, server_default=""),
    Column("xid", BIGINT, nullable=False, server_default=text("pg_current_xact_id()::text::bigint")),
    Column("salt", Uuid, nullable=False, server_default=func.gen_random_uuid()),
    Index(None, "stream_id", "id"),
    Index(None, "xid", "id"),
    Index(None, "person_id", "id"),
    Index("ix_audit_children", "children", postgresql_using="gin", postgresql_where=text("children <> '{}'")),
    comment="Append-only: ids, codes and instants. `xid` is the transaction that wrote the row; seals are drawn along it.",
)

seals = Table(
    "seals",
    metadata,
    Column("number", BIGINT, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("below", BIGINT, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    comment="A seal covers the rows whose xid lies below its own bound and not below that of the seal before.",
)
