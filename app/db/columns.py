"""What every table is made of: one register of all tables, instants, ids, and columns that are sealed."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from sqlalchemy import Boolean, Column, DateTime, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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


SERVICE = "service"
"""The stream of what belongs to the installation and to no case."""
Holds = Literal["text", "json", "date", "bytes"]


def sealed(name: str, holds: Holds = "text", *, nullable: bool = False) -> Column[Any]:
    """Encrypted with the key of the row's stream, which the table's `info` names a column for (app/db/vault.py)."""
    return Column(name, LargeBinary if holds == "bytes" else Text, nullable=nullable, info={"sealed": holds})


def marks(name: str = "marks") -> Column[list[str]]:
    """Blind marks by which a row is found without being read: keyed hashes of what stands sealed in it."""
    return Column(name, ARRAY(String(16)), nullable=False, server_default="{}")


def keyed_by(stream: str | Callable[[Mapping[Any, Any]], str]) -> dict[str, Any]:
    """The `info` of a table with sealed columns: with the key of which stream; by a column of the row, or worked out from it."""
    return {"stream": (lambda row: row[stream]) if isinstance(stream, str) else stream}


def of_service(row: Mapping[Any, Any]) -> str:
    """What is the installation's own."""
    return SERVICE
