"""The accounts of people who sign in here, their accounts at an identity provider, and their sessions."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text
from sqlalchemy.dialects.postgresql import BIGINT

from app.db.columns import Id, Instant, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("person_id", Id, ForeignKey("people.id"), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("totp_secret", Text, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("waits_until", Instant),
    Column("last_step", BIGINT, nullable=False, server_default="0"),
    Column("made_at", Instant, nullable=False),
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
