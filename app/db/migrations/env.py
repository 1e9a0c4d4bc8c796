"""Alembic's entry: migrations run on a connection that the caller hands over."""

from alembic import context

from app.db import (
    alike,
    beats,
    circulars,
    compliance,
    entries,
    guesses,
    outcome_facts,
    sheet_jobs,
    signals,
    surveys,
    versions,
)
from app.db.tables import metadata

KNOWN = (beats, versions, entries, guesses, outcome_facts, surveys, sheet_jobs, circulars, compliance, alike, signals)
"""Rooms that add tables of their own."""
context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
