"""The tables: the ledger, its projections and content kept apart; with the registers, all that there are."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, JSONB

from app.db.account_tables import accounts, api_keys, sessions
from app.db.child_tables import child_files, contents
from app.db.columns import Id, Instant, conducted, keyed_by, marks, metadata, sealed
from app.db.desk_tables import form_drafts, saved_views
from app.db.file_tables import drafts, entry_links, files
from app.db.key_tables import data_keys, master_keys
from app.db.need_tables import approvals, emergency_reads, full_views
from app.db.registers import (
    agencies,
    calendar_days,
    calendars,
    deputies,
    desks,
    divisions,
    endpoints,
    people,
)
from app.db.retention_tables import disposals, legal_holds
from app.db.trail import audit, seals
from app.domain.child_file import file_id

__all__ = [
    "LEFT_SILENT",
    "STANDING",
    "WAITING",
    "Id",
    "Instant",
    "accounts",
    "agencies",
    "api_keys",
    "approvals",
    "audit",
    "calendar_days",
    "calendars",
    "cases",
    "child_files",
    "children",
    "commands",
    "contents",
    "data_keys",
    "deadlines",
    "deputies",
    "desks",
    "disposals",
    "divisions",
    "drafts",
    "emergency_reads",
    "endpoints",
    "entry_links",
    "events",
    "files",
    "findings",
    "form_drafts",
    "full_views",
    "legal_holds",
    "master_keys",
    "metadata",
    "notes",
    "notices",
    "owed",
    "people",
    "reports",
    "round_units",
    "rounds",
    "saved_views",
    "seals",
    "sessions",
    "submissions",
    "suggestions",
    "tasks",
    "watches",
]


# The ledger ---------------------------------------------------------------------------------------------------------

REGISTERED = "kind = 'change_entered' and body ->> 'field' = 'registration'"
"""Of an event, whether it registers a child; as it stands, for a plan that knows no values finds the index by nothing else."""
REGISTERED_FOR = "coalesce(body ->> 'unit', by)"
"""The unit for which that was, or of before it was written whoever did it."""
MOVES_CLOCK = "kind in ('clock_paused', 'referral_returned', 'clock_resumed', 'material_supplied', 'referral_accepted')"
"""Of an event, whether from it on the clock of a leg stands still, or goes on; as it stands, likewise."""
events = Table(
    "events",
    metadata,
    Column("stream_id", Id, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Id, nullable=False),
    Column("body", JSONB, nullable=False),
    PrimaryKeyConstraint("stream_id", "version"),
    Index(None, "at"),
    Index("ix_events_registered", text(REGISTERED_FOR), "at", postgresql_where=text(REGISTERED)),
    Index(
        "ix_events_clocks", "stream_id", text("(body ->> 'referral_id')"), "version", postgresql_where=text(MOVES_CLOCK)
    ),
    comment="Append-only; a fact of a case or of a watch. Codes, ids and instants only.",
)

commands = Table(
    "commands",
    metadata,
    Column("stream_id", Id, nullable=False),
    Column("person_id", Id, nullable=False),
    Column("key", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("from_version", Integer, nullable=False),
    Column("to_version", Integer, nullable=False),
    PrimaryKeyConstraint("stream_id", "person_id", "key"),
    comment="Idempotency: the same key of the same person with the same command returns the first answer.",
)

cases = Table(
    "cases",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", BIGINT, Identity(always=True), nullable=False, unique=True),
    *conducted(),
    Column("stage", String(20), nullable=False),
    Column("urgency", String(20), nullable=False),
    Column("branch", String(40)),
    Column("lead", String(20), nullable=False),
    Column("reporter_unit", Id, nullable=False),
    Column("rung", String(20)),
    Column("linked_to", Id),
    Column("filed_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("agencies", ARRAY(String(20)), nullable=False),
    Column("desks", ARRAY(String(40)), nullable=False),
    Column("about", ARRAY(Id), nullable=False, server_default="{}"),
    Column("erased_at", Instant),
    Index("ix_cases_behind", "id", postgresql_where=text("version > conducted_version")),
    Index("ix_cases_open_next", "next_deadline_at", postgresql_where=text("is_open")),
    Index("ix_cases_desks", "desks", postgresql_using="gin"),
    Index("ix_cases_agencies", "agencies", postgresql_using="gin"),
    Index("ix_cases_about", "about", postgresql_using="gin"),
    Index(None, "filed_at", "id"),
    Index(None, "reporter_unit", "filed_at"),
    Index("ix_cases_of_watch", text("(progress ->> 'watch')")),
    Index(
        "ix_cases_of_visits_about",
        "about",
        postgresql_using="gin",
        postgresql_where=text("(progress ->> 'watch') is not null"),
    ),
    Index("ix_cases_linked_to", "linked_to", postgresql_where=text("linked_to is not null")),
    Index("ix_cases_procuratorate", "filed_at", postgresql_where=text("rung = 'procuratorate'")),
)

watches = Table(
    "watches",
    metadata,
    Column("id", Id, primary_key=True),
    *conducted(),
    Column("child_id", Id, nullable=False, unique=True),
    Column("case_id", Id, ForeignKey("cases.id")),
    Column("grade", String(10), nullable=False),
    Column("desk", String(40), nullable=False),
    Column("visit_due_at", Instant),
    Column("offered_to", String(40)),
    Column("community", Id),
    Index("ix_watches_offered_to", "offered_to", postgresql_where=text("offered_to is not null")),
    Index("ix_watches_behind", "id", postgresql_where=text("version > conducted_version")),
    Index("ix_watches_desk_due", "desk", "visit_due_at", "id", postgresql_where=text("is_open")),
    Index("ix_watches_community_due", "desk", "community", "visit_due_at", "id", postgresql_where=text("is_open")),
    Index(None, "desk", "child_id"),
)

rounds = Table(
    "rounds",
    metadata,
    Column("id", Id, primary_key=True),
    *conducted(),
    Column("code", String(40), nullable=False),
    Column("organiser", String(20), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Index("ix_rounds_behind", "id", postgresql_where=text("version > conducted_version")),
    Index(None, "code", "opened_at"),
    comment="Screening rounds; who is asked in each stands in round_units.",
)

round_units = Table(
    "round_units",
    metadata,
    Column("round_id", Id, ForeignKey("rounds.id"), nullable=False),
    Column("unit", Id, nullable=False),
    Column("desk", String(40), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("returned_at", Instant),
    Column("late", Boolean, nullable=False),
    Column("screened", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("joined", ARRAY(String(20)), nullable=False),
    PrimaryKeyConstraint("round_id", "unit"),
    Index(None, "unit", "round_id"),
    comment="What each unit owes in a round, and what it has answered.",
)

owed = Table(
    "owed",
    metadata,
    Column("id", Id, primary_key=True),
    *conducted(),
    Column("matter", String(20), nullable=False),
    Column("code", String(60), nullable=False),
    Column("subject", Id, nullable=False),
    Column("agency", String(20), nullable=False),
    Column("desk", String(40), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("rung", String(20)),
    Column("settled_at", Instant),
    Index("ix_owed_behind", "id", postgresql_where=text("version > conducted_version")),
    Index("ix_owed_desk", "desk", "due_at", postgresql_where=text("is_open")),
    Index("ix_owed_open", "due_at", "id", postgresql_where=text("is_open")),
    comment="What a desk owes outside of a case: empty posts, books that differ, signals that wait. Codes and ids only.",
)

STANDING = "tasks.is_open and (tasks.paused or tasks.state = 'returned' or tasks.delivery in ('failing', 'rejected'))"
"""A task that stands still whatever its deadline."""
LEFT_SILENT = "tasks.state = 'silent' and tasks.next_rung_at is not null"
"""A leg that another agency has taken up, while the silent one's ladder climbs on."""
WAITING = f"(tasks.is_open or {LEFT_SILENT})"
"""What supervisors may have to look at."""

tasks = Table(
    "tasks",
    metadata,
    Column("case_id", Id, nullable=False),
    Column("subject", String(120), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("task", String(80), nullable=False),
    Column("agency", String(20), nullable=False),
    Column("desk", String(40), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("step", Integer, nullable=False),
    Column("basis", ARRAY(String(20)), nullable=False),
    Column("urgency", String(20), nullable=False),
    Column("division", String(9), nullable=False),
    Column("state", String(20), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("holder", Id),
    Column("opened_at", Instant, nullable=False),
    Column("accepted_at", Instant),
    Column("due_at", Instant),
    Column("next_rung_at", Instant),
    Column("rung", String(20)),
    Column("next_rung", String(20)),
    Column("paused", Boolean, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("delivery", String(20), nullable=False),
    Column("urged", Integer, nullable=False),
    Column("ended_at", Instant),
    PrimaryKeyConstraint("case_id", "subject"),
    Index("ix_tasks_desk_due", "desk", "due_at", "case_id", "subject", postgresql_where=text("is_open")),
    Index("ix_tasks_holder", "holder", "due_at", postgresql_where=text("is_open")),
    Index("ix_tasks_done", "desk", "ended_at", "case_id", "subject", postgresql_where=text("not is_open")),
    Index("ix_tasks_due", "due_at", "case_id", "subject", postgresql_where=text("is_open")),
    Index("ix_tasks_waiting", "opened_at", "case_id", "subject", postgresql_where=text(WAITING)),
    Index("ix_tasks_silent", "opened_at", postgresql_where=text(LEFT_SILENT)),
    Index("ix_tasks_standing", "opened_at", postgresql_where=text(STANDING)),
    CheckConstraint("due_at is not null or not is_open", "open_is_due"),
    comment="What a desk owes: a referral or a duty. `due_at` is the deadline that runs now.",
)

deadlines = Table(
    "deadlines",
    metadata,
    Column("id", BIGINT, Identity(always=True), primary_key=True),
    Column("case_id", Id, nullable=False),
    Column("subject", String(120), nullable=False),
    Column("clock", String(10), nullable=False),
    Column("agency", String(20), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("urgency", String(20), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("valid_to", Instant),
    Column("met_at", Instant),
    Index(None, "case_id", "subject", "clock", postgresql_where=text("valid_to IS NULL")),
    Index(None, "due_at"),
    comment="Every deadline as it stood at any time: moved ones are closed and written anew; met_at ends the last.",
)

# Content: names, numbers, narratives, texts, sealed ---------------------------------------------------------------------------

reports = Table(
    "reports",
    metadata,
    Column("case_id", Id, ForeignKey("cases.id"), primary_key=True),
    Column("receipt_hash", String(64), nullable=False, unique=True),
    Column("filed_by", Id, nullable=False),
    Column("office", Id),
    Column("reporter_unit", Id, nullable=False),
    Column("happened_on", Date),
    sealed("reporter", "json"),
    sealed("narrative"),
    sealed("family", "json"),
    sealed("facts", "json"),
    Column("findings", JSONB, nullable=False),
    info=keyed_by("case_id"),
)

children = Table(
    "children",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", Id, ForeignKey("cases.id")),
    sealed("name"),
    Column("sex", String(10)),
    sealed("birth_date", "date", nullable=True),
    sealed("birth_text", nullable=True),
    sealed("id_no", nullable=True),
    sealed("phone", nullable=True),
    sealed("hukou", nullable=True),
    sealed("residence", nullable=True),
    sealed("school", nullable=True),
    sealed("features", nullable=True),
    Column("division", String(9), nullable=False),
    marks(),
    Column("filed_at", Instant, nullable=False),
    Index(None, "case_id"),
    Index(None, "filed_at", "id"),
    Index(None, "division", "filed_at", "id"),
    Index("ix_children_marks", "marks", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
    info=keyed_by(lambda row: row["case_id"] or file_id(row["id"])),
)

notes = Table(
    "notes",
    metadata,
    Column("stream_id", Id, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String(40), nullable=False),
    sealed("body"),
    PrimaryKeyConstraint("stream_id", "version"),
    info=keyed_by("stream_id"),
    comment="The free text that came with the event of that version.",
)

suggestions = Table(
    "suggestions",
    metadata,
    Column("case_id", Id, nullable=False),
    Column("other_id", Id, nullable=False),
    Column("score", Double, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("state", String(10), nullable=False),
    Column("decided_by", Id),
    PrimaryKeyConstraint("case_id", "other_id"),
)

# People and what they are told ----------------------------------------------------------------------------------------

notices = Table(
    "notices",
    metadata,
    Column("id", BIGINT, Identity(always=True), primary_key=True),
    Column("person_id", Id, nullable=False),
    Column("case_id", Id, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("subject", String(120), nullable=False),
    Column("rung", String(20)),
    Column("at", Instant, nullable=False),
    Column("read_at", Instant),
    UniqueConstraint("person_id", "case_id", "version", "subject"),
    Index("ix_notices_unread", "person_id", "id", postgresql_where=text("read_at IS NULL")),
)

findings = Table(
    "findings",
    metadata,
    Column("id", BIGINT, Identity(always=True), primary_key=True),
    Column("stream_id", Id, nullable=False),
    Column("problem", String(40), nullable=False),
    Column("repaired", Boolean, nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("uq_findings_open", "stream_id", "problem", unique=True, postgresql_where=text("ended_at IS NULL")),
    comment="What the reconciler found wrong with an open stream, until a later run no longer finds it.",
)

submissions = Table(
    "submissions",
    metadata,
    Column("scope", Id, nullable=False),
    Column("key", String(200), nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("case_id", Id, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("scope", "key"),
    comment="One submission, one case: the Idempotency-Key of a unit and the case that it made.",
)
