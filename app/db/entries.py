"""The entries of all registers: lines that are only ever added, the newest of which says how an entry stands."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Select,
    String,
    Table,
    and_,
    cast,
    func,
    insert,
    or_,
    select,
    true,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.audit import TRACE
from app.db.columns import keyed_by, marks, sealed
from app.db.ledger import KeyReused, StaleVersion
from app.db.tables import Id, Instant, metadata
from app.db.vault import opened, sealed_row, vault_of
from app.db.walls import concerning
from app.domain.access import Actor
from app.domain.opening import desk_of
from app.domain.registers import (
    DESK,
    DIVISION,
    Entry,
    Expected,
    FieldType,
    Kind,
    Post,
    Register,
    Vacancy,
    sight,
    vacancies,
)
from app.domain.terms import Agency

register_entries = Table(
    "register_entries",
    metadata,
    Column("id", Id, nullable=False),
    Column("version", Integer, nullable=False),
    Column("book", String(40), nullable=False),
    Column("desk", String(40), nullable=False),
    Column("division", String(9), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("reason", String(40)),
    Column("fields", JSONB, nullable=False),
    sealed("private", "json"),
    marks(),
    marks("cases"),
    Column("review_at", Instant),
    Column("at", Instant, nullable=False),
    Column("by", Id, nullable=False),
    Column("behalf", Id),
    PrimaryKeyConstraint("id", "version"),
    Index(None, "book", "desk"),
    Index(None, "review_at"),
    Index("ix_register_entries_marks", "marks", postgresql_using="gin"),
    info=keyed_by("id"),
    comment="Append-only; each line of an entry with its author and time. `private` holds persons, addresses and numbers.",
)
line = register_entries.c
MARKS = ARRAY(String(16))
SHOWN = [column.name for column in line if column.name not in ("private", "marks", "cases")]


def standing(as_of: datetime | None = None) -> ColumnElement[bool]:
    """The newest line of each entry, or the newest up to an instant."""
    later = register_entries.alias("later")
    newer = and_(later.c.id == line.id, later.c.version > line.version)
    up_to = true() if as_of is None else line.at <= as_of
    newer = newer if as_of is None else and_(newer, later.c.at <= as_of)
    return and_(up_to, ~select(later.c.id).where(newer).correlate(register_entries).exists())


async def seen(conn: AsyncConnection, who: Actor, register: Register) -> ColumnElement[bool]:
    """The access rule as a condition on lines."""
    by = sight(who, register)
    return and_(true() if by.everything else line.desk.in_(by.desks), await unconcerned(conn, who, register))


async def unconcerned(conn: AsyncConnection, who: Actor, register: Register) -> ColumnElement[bool]:
    """Entries that name no child or case about the actor, nor ever did."""
    if not register.of_type(FieldType.CHILD, FieldType.CASE):
        return true()
    cases, children = await concerning(conn, who)
    if not cases:
        return true()
    vault, named = vault_of(conn), register_entries.alias("named").c
    by_child = named.marks.overlap(cast([vault.mark("child", one) for one in children], MARKS))
    by_case = named.cases.overlap(cast([vault.mark("case", one) for one in cases], MARKS))
    return line.id.not_in(select(named.id).where(named.book == register.code, or_(by_child, by_case)))


async def entries_of(conn: AsyncConnection, query: Select[*tuple[Any, ...]]) -> list[Entry]:
    """With their private fields."""
    rows = await opened(conn, (await conn.execute(query)).mappings(), register_entries)
    return [
        Entry.model_validate(
            {name: row[name] for name in SHOWN} | {"fields": {**row["fields"], **(row["private"] or {})}}
        )
        for row in rows
    ]


def of_child(conn: AsyncConnection, child_id: str) -> str:
    """The mark of entries that name this child."""
    return vault_of(conn).mark("child", child_id)


def newest(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """The lines as they stand now."""
    return select(register_entries).where(standing(), *conditions)


async def lines_of(conn: AsyncConnection, entry_id: str, *conditions: ColumnElement[bool]) -> list[Entry]:
    """The history of an entry from its first line."""
    lines = select(register_entries).where(line.id == entry_id, *conditions)
    return await entries_of(conn, lines.order_by(line.version))


async def holding(conn: AsyncConnection, entry_id: str) -> None:
    """Nobody else writes this entry before the transaction ends."""
    await conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"register:{entry_id}", 0))))


def id_for(register: str, who: Actor, key: str | None, fresh: str) -> str:
    """The same key of the same person means the same entry."""
    once = hashlib.sha256(json.dumps([register, who.person_id, key]).encode()).hexdigest()[:32] if key else fresh
    return f"entry-{once}"


async def append(
    conn: AsyncConnection, register: Register, entry: Entry, who: Actor, key: str | None, asked: Mapping[str, Any]
) -> None:
    """The line, the key that it was asked with, and the audit row."""
    public = {name: value for name, value in entry.fields.items() if name not in register.private}
    row = {**entry.model_dump(exclude={"fields"}), "fields": public}
    row |= {"private": {name: value for name, value in entry.fields.items() if name in register.private}}
    children, cases = (register.named([entry.fields], kind) for kind in (FieldType.CHILD, FieldType.CASE))
    row |= {"marks": [of_child(conn, one) for one in children]}
    row |= {"cases": [vault_of(conn).mark("case", one) for one in cases]}
    await conn.execute(insert(register_entries), await sealed_row(conn, register_entries, row))
    if key:
        used = {"stream_id": entry.id, "person_id": who.person_id, "key": key, "digest": _digest(conn, asked)}
        used |= {"kind": f"register_{entry.kind}", "from_version": entry.version, "to_version": entry.version}
        await conn.execute(insert(tables.commands), used)
    await _audit(conn, who, f"register_{entry.kind}", entry.id, entry.version, ())


async def replayed(
    conn: AsyncConnection, lines: Sequence[Entry], who: Actor, key: str | None, asked: Mapping[str, Any]
) -> Entry | None:
    """The line that this person's key has made before; KeyReused where it came with something else."""
    if key is None or not lines:
        return None
    used = tables.commands.c
    query = select(used.digest, used.to_version).where(
        used.stream_id == lines[0].id, used.person_id == who.person_id, used.key == key
    )
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    if row.digest != _digest(conn, asked):
        raise KeyReused(key)
    return lines[row.to_version - 1]


def require_current(lines: Sequence[Entry], expected: int | None) -> None:
    """StaleVersion with what was added since."""
    if expected is not None and lines[-1].version != expected:
        since = [entry.model_dump(include={"version", "kind", "at", "by"}) for entry in lines[expected:]]
        raise StaleVersion(lines[-1].version, since)


async def _audit(
    conn: AsyncConnection, who: Actor, action: str, stream: str, version: int | None, fields: Sequence[str]
) -> None:
    row = {
        "person_id": who.person_id, "behalf": who.acting_for, "agency": who.agency.value, "action": action,
        "stream_id": stream, "version": version, "fields": list(fields), "trace_id": TRACE.get(),
    }  # fmt: skip
    await conn.execute(insert(tables.audit), row)


def _digest(conn: AsyncConnection, asked: Mapping[str, Any]) -> str:
    plain = json.dumps(asked, sort_keys=True, default=str).encode()
    return vault_of(conn).digest(hashlib.sha256(plain).hexdigest())


async def posts_of(conn: AsyncConnection, register: Register, expected: Expected) -> list[Post]:
    """What an entry is expected for, each with the desk that owes it."""
    if expected.each == DIVISION:
        keeper = next((agency for agency in register.keepers if agency.is_territorial), Agency.CIVIL)
        return [Post(id=code, desk=desk_of(keeper, code), division=code) for code in await _streets(conn)]
    if expected.each == DESK:
        desk = tables.desks.c
        whole = await district_of(conn)
        known = or_(desk.division.is_(None), desk.division != whole)
        query = select(desk.id, desk.division).where(desk.agency.in_([a.value for a in register.keepers]), known)
        rows = await conn.execute(query.order_by(desk.id))
        return [Post(id=row.id, desk=row.id, division=row.division or whole) for row in rows]
    query = select(line.id, line.desk, line.division, line.at).where(standing(), line.book == expected.each)
    rows = await conn.execute(query.where(line.kind != Kind.ENDED.value).order_by(line.id))
    return [Post(id=row.id, desk=row.desk, division=row.division, since=row.at) for row in rows]


async def empty(
    conn: AsyncConnection, register: Register, expected: Expected, newest_lines: Sequence[Entry]
) -> tuple[Vacancy, ...]:
    """The posts for which nothing stands in the register."""
    return vacancies(expected, await posts_of(conn, register, expected), newest_lines)


async def district_of(conn: AsyncConnection) -> str:
    """The code of the district as a whole."""
    division = tables.divisions.c
    return (await conn.execute(select(division.code).where(division.kind == "district"))).scalar_one()


async def _streets(conn: AsyncConnection) -> list[str]:
    division = tables.divisions.c
    query = select(division.code).where(division.kind != "district", division.valid_to.is_(None))
    return list((await conn.execute(query.order_by(division.code))).scalars())
