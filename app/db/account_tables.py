"""The accounts of people who sign in here or at an identity provider, their sessions, and the keys of machines."""

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT

from app.db.columns import Id, Instant, keyed_by, metadata, of_service, sealed

accounts = Table(
    "accounts",
    metadata,
    Column("person_id", Id, ForeignKey("people.id"), primary_key=True),
    Column("password_hash", Text, nullable=False),
    sealed("totp_secret"),
    Column("last_step", BIGINT, nullable=False, server_default="0"),
    Column("made_at", Instant, nullable=False),
    Column("held_at", Instant),
    info=keyed_by(of_service),
    comment="`held_at`: made anew for somebody with roles, and good once the security administrator has let it go.",
)
identities = Table(
    "identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("person_id", Id, ForeignKey("people.id"), nullable=False),
    Index(None, "person_id"),
)
sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", Id, ForeignKey("people.id"), nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index(None, "person_id"),
)
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("unit", Id, nullable=False),
    Column("agency", String(20), nullable=False),
    Column("desk", String(40), ForeignKey("desks.id"), nullable=False),
    Column("division", String(9)),
    Column("scopes", ARRAY(String(20)), nullable=False),
    Column("label", Text, nullable=False),
    Column("made_by", Id, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("replaced_by", Id),
    Column("last_used_at", Instant),
    Index(None, "unit"),
    comment="Keys of machines by the hash of each; a unit is a reporting unit, or the desk itself.",
)
