"""Who opened what in full, and why; and what takes two persons. What was written as the reason is sealed with the key of its case; beside
it stands the office whose people read it as typed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.db.columns import SERVICE, Id, Instant, keyed_by, metadata, sealed


def of_case(row: Mapping[Any, Any]) -> str:
    """The case that it is about; the installation's own key where it is about none."""
    return row["case_id"] or SERVICE


full_views = Table(
    "full_views",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", Id, nullable=False),
    Column("behalf", Id),
    Column("agency", String(20), nullable=False),
    Column("desk", String(40), nullable=False),
    Column("stream_id", Id, nullable=False),
    Column("case_id", Id),
    Column("reason", String(20), nullable=False),
    sealed("note"),
    Column("office", Id),
    Column("fields", ARRAY(String(40)), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Index(None, "person_id", "stream_id", "until"),
    Index(None, "case_id", "opened_at"),
    info=keyed_by(of_case),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Id, primary_key=True),
    Column("act", String(20), nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("case_id", Id),
    Column("reason", String(20), nullable=False),
    sealed("note"),
    Column("office", Id),
    Column("person_id", Id, nullable=False),
    Column("behalf", Id),
    Column("proposed_by", ARRAY(Id), nullable=False),
    Column("agency", String(20), nullable=False),
    Column("desk", String(40), nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("approved_by", Id),
    Column("approved_behalf", Id),
    Column("approved_at", Instant),
    Column("rejected_by", Id),
    Column("rejected_at", Instant),
    Column("used_at", Instant),
    Index(None, "person_id", "digest"),
    Index("ix_approvals_waiting", "expires_at", postgresql_where=text("approved_at IS NULL AND rejected_at IS NULL")),
    CheckConstraint("not (approved_by = any (proposed_by))", "two_persons"),
    info=keyed_by(of_case),
    comment="What takes two persons; `proposed_by` are all accounts of the persons who proposed.",
)

emergency_reads = Table(
    "emergency_reads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", Id, nullable=False),
    Column("person_id", Id, nullable=False),
    Column("behalf", Id),
    Column("accounts", ARRAY(Id), nullable=False),
    Column("agency", String(20), nullable=False),
    Column("desk", String(40), nullable=False),
    Column("reason", String(20), nullable=False),
    sealed("note"),
    Column("office", Id),
    Column("read_at", Instant, nullable=False),
    Column("review_by", Instant, nullable=False),
    Column("verdict", String(20)),
    Column("reviewed_by", Id),
    sealed("review_note", nullable=True),
    Column("review_office", Id),
    Column("reviewed_at", Instant),
    Index("ix_emergency_reads_open", "review_by", postgresql_where=text("reviewed_at IS NULL")),
    CheckConstraint("not (reviewed_by = any (accounts))", "another_person"),
    info=keyed_by("case_id"),
    comment="Break-glass: who read a case that was not theirs to see, why, and how another desk judged it.",
)
