"""Enter the district into the database: divisions, agencies, desks, people with their tokens, and the calendar."""

import json
import os
import secrets
import tempfile
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.district import ALIASES, DESKS, DIVISIONS, PEOPLE
from app.domain.sign_in import token_hash
from app.domain.terms import Agency, Role
from app.policy import calendars


def tokens_for(path: Path) -> dict[str, str]:
    """The token of every seeded person, made where there is none yet; the file is readable by its owner alone."""
    tokens: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = [person.id for person in PEOPLE if person.id not in tokens and Role.MACHINE not in person.roles]
    if missing:
        tokens |= {person: secrets.token_urlsafe(24) for person in missing}
        _write_private(path, json.dumps(tokens, indent=1))
    return tokens


def tokens_of(path: Path, *, wanted: bool) -> dict[str, str]:
    """The same where they are wanted; else none, and none is left in the file."""
    if wanted:
        return tokens_for(path)
    path.unlink(missing_ok=True)
    return {}


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, and never for a moment readable by others, even where an older file was."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


async def seed(conn: AsyncConnection, *, tokens: Mapping[str, str]) -> None:
    """Safe to repeat: rows are brought to what the district says; a calendar that was edited and people that are known are left alone,
    but for their tokens, for both are the administrators' to change."""
    divisions = [{"code": d.code, "name": d.name, "kind": d.kind, "valid_from": d.valid_from} for d in DIVISIONS]
    agencies = [
        {"code": a.value, "name_zh": a.zh, "name_en": a.en, "aliases": list(ALIASES.get(a, ()))} for a in Agency
    ]
    desks = [{"id": d.id, "agency": d.agency.value, "division": d.division, "name_zh": d.name} for d in DESKS]
    people = [
        {
            "id": p.id, "name": p.name, "agency": p.agency.value, "desk": p.desk, "roles": [r.value for r in p.roles],
            "division": p.division, "unit": p.unit, "token_hash": token_hash(tokens[p.id]) if p.id in tokens else None,
        }
        for p in PEOPLE
    ]  # fmt: skip
    for table, rows in ((tables.divisions, divisions), (tables.agencies, agencies), (tables.desks, desks)):
        await _put(conn, table, rows)
    await _put(conn, tables.people, people, only=("token_hash",))
    await _calendar(conn)


async def _put(
    conn: AsyncConnection, table: Table, rows: list[dict[str, Any]], *, only: Collection[str] | None = None
) -> None:
    statement = upsert(table)
    keys = [column.name for column in table.primary_key]
    changes = {name: statement.excluded[name] for name in only or rows[0] if name not in keys}
    await conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), rows)


async def _calendar(conn: AsyncConnection) -> None:
    if (await conn.execute(select(func.count()).select_from(tables.calendars))).scalar_one():
        return
    known = calendars.seed()
    rows = [row.model_dump() | {"kind": row.kind.value} for row in known.rows]
    await conn.execute(insert(tables.calendar_days), rows)
    first = {
        "version": 1, "confirmed_until": known.confirmed_until, "reason": "seeded from the holidays library",
        "set_by": "engine", "at": datetime.now(UTC),
    }  # fmt: skip
    await conn.execute(insert(tables.calendars), first)
