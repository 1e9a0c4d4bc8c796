"""Alembic's entry: migrations run on a connection that the caller hands over."""

from alembic import context

from app.db.versions import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
