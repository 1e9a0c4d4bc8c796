"""The district's own registers: divisions, agencies and their systems, desks, people and their deputies, the calendar."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Identity, Index, Integer, String, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, JSONB

from app.db.columns import Id, Instant, keyed_by, metadata, of_service, sealed

divisions = Table(
    "divisions",
    metadata,
    Column("code", String(9), primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
)

agencies = Table(
    "agencies",
    metadata,
    Column("code", String(20), primary_key=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("aliases", JSONB, nullable=False),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("agency", String(20), primary_key=True),
    Column("url", Text, nullable=False),
    sealed("secret"),
    Column("supports_lookup", Boolean, nullable=False),
    info=keyed_by(of_service),
    comment="Agencies that are reached at their own system; all others work at the built-in desk.",
)

desks = Table(
    "desks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("agency", String(20), ForeignKey("agencies.code"), nullable=False),
    Column("division", String(9)),
    Column("name_zh", Text, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("agency", String(20), nullable=False),
    Column("desk", String(40), ForeignKey("desks.id"), nullable=False),
    Column("roles", ARRAY(String(20)), nullable=False),
    Column("division", String(9)),
    Column("unit", Id),
    Column("is_active", Boolean, nullable=False, server_default="true"),
    Column("token_hash", String(64), unique=True),
    Column("staff_no", String(64)),
    Column("also", ARRAY(Id), nullable=False, server_default="{}"),
    Column("also_at", ARRAY(Id), nullable=False, server_default="{}"),
    Index(None, "desk"),
    Index(None, "agency"),
    Index(None, "staff_no"),
    comment="`staff_no` is a digest of the national staff number; `also`, kept by a trigger, are the other accounts with the same,"
    " and `also_at` the units and local desks of these.",
)

deputies = Table(
    "deputies",
    metadata,
    Column("id", BIGINT, Identity(always=True), primary_key=True),
    Column("person_id", Id, ForeignKey("people.id"), nullable=False),
    Column("deputy_id", Id, ForeignKey("people.id"), nullable=False),
    Column("from_at", Instant, nullable=False),
    Column("until_at", Instant, nullable=False),
    Column("set_by", Id, nullable=False),
    Column("revoked_at", Instant),
    Index(None, "deputy_id"),
)

calendar_days = Table(
    "calendar_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("confirmed", Boolean, nullable=False),
)

calendars = Table(
    "calendars",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("confirmed_until", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_by", Id, nullable=False),
    Column("at", Instant, nullable=False),
    comment="Each edit of the calendar is a new version; open deadlines are recomputed for it.",
)
