"""What every table is made of: one register of all tables, instants and ids."""

from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Instant = DateTime(timezone=True)
Id = String(80)


def conducted() -> tuple[Column, ...]:
    """What the relay and the reconciler need of a stream: its version, how far the conductor was told, when it is due."""
    return (
        Column("version", Integer, nullable=False),
        Column("conducted_version", Integer, nullable=False, server_default="0"),
        Column("policy", String(60), nullable=False),
        Column("progress", JSONB, nullable=False),
        Column("is_open", Boolean, nullable=False),
        Column("next_deadline_at", Instant),
        Column("division", String(9), nullable=False),
    )
