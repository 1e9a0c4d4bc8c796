"""The lives of keys: which master keys are in use, renewing them while the service runs, destroying the key of a stream."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic_core import from_json, to_json
from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.file_tables import files
from app.db.key_tables import data_keys, master_keys
from app.db.session import is_away
from app.db.vault import KeyMissing, vault_of, wrapping

BATCH = 500
"""Keys wrapped anew in one transaction: some tens of milliseconds in which nobody else can destroy one of them."""
PAUSE = 0.02
key = data_keys.c
LEFT = select(key.stream_id, key.kek_id, key.wrapped).where(key.kek_id.is_not(None)).order_by(key.stream_id)


@dataclass(frozen=True)
class Standing:
    """Data keys by master key, and how many were destroyed; `since_rotation` of them are still opened by older backups."""

    by_master: dict[str, int]
    destroyed: int
    since_rotation: int


async def require_keys(conn: AsyncConnection) -> None:
    """The master key that wraps what is new is entered, and all that wrap what is stored are at hand; else KeyMissing."""
    master = vault_of(conn).master
    stored = set((await conn.execute(select(master_keys.c.id))).scalars())
    if lacking := stored - master.known():
        raise KeyMissing(f"the master key {', '.join(sorted(lacking))} is not here")
    if master.current() not in stored:
        raise KeyMissing(f"the master key {master.current()} is not entered in the database yet: run shouhu migrate")


async def enter(conn: AsyncConnection) -> None:
    """The master key that wraps what is new may be named by data keys from now on. For the owner alone."""
    row = {"id": vault_of(conn).master.current(), "since": func.now()}
    await conn.execute(insert(master_keys).values(row).on_conflict_do_nothing())


async def standing(conn: AsyncConnection) -> Standing:
    """How the keys stand."""
    counted = await conn.execute(
        select(key.kek_id, func.count().label("keys")).where(key.kek_id.is_not(None)).group_by(key.kek_id)
    )
    newest = select(func.max(master_keys.c.since)).scalar_subquery()
    gone = select(func.count(), func.count().filter(key.destroyed_at > newest)).where(key.destroyed_at.is_not(None))
    destroyed, recent = (await conn.execute(gone)).one()
    return Standing({row.kek_id: row.keys for row in counted}, destroyed, recent)


async def destroy(conn: AsyncConnection, streams: Collection[str], at: datetime) -> int:
    """What was written in these streams, files included, is read by nobody any more; the caller has seen to it that two persons want it.

    A backup from before still holds the wrapped key, until `rotate` ends the master key that opens it.
    """
    of_files = select(files.c.id).where(files.c.stream_id.in_(streams))
    gone = update(data_keys).where(
        or_(key.stream_id.in_(streams), key.stream_id.in_(of_files)), key.wrapped.is_not(None)
    )
    return (await conn.execute(gone.values(wrapped=None, kek_id=None, destroyed_at=at))).rowcount


async def rotate(engine: AsyncEngine, told: Callable[[int, int], None]) -> int:
    """Wrap every data key with the current master key, in batches and beside all other work; how many were.

    At the end no other master key is entered, and PostgreSQL refuses a row that one of them still wraps: whoever was about to
    write one is waited for, whoever comes later fails and tries again.
    """
    done = 0
    async with engine.begin() as conn:
        await enter(conn)
        current = vault_of(conn).master.current()
    while True:
        while turned := await _turn(engine, current):
            done += turned
            async with engine.connect() as conn:
                query = select(func.count()).where(key.kek_id != current)
                told(done, done + (await conn.execute(query)).scalar_one())
            await asyncio.sleep(PAUSE)
        if await _closed(engine, current):
            return done


async def _turn(engine: AsyncEngine, current: str) -> int:
    """One batch."""
    async with engine.begin() as conn:
        vault = vault_of(conn)
        rows = (await conn.execute(LEFT.where(key.kek_id != current).limit(BATCH).with_for_update())).all()
        fresh = [
            {"stream": row.stream_id, "wrapped": vault.master.wrap(
                current, vault.master.unwrap(row.kek_id, row.wrapped, wrapping(row.stream_id)), wrapping(row.stream_id)
            ), "kek": current}
            for row in rows
        ]  # fmt: skip
        if fresh:
            renewing = text("update data_keys set wrapped = :wrapped, kek_id = :kek where stream_id = :stream")
            await conn.execute(renewing, fresh)
        return len(rows)


async def _closed(engine: AsyncEngine, current: str) -> bool:
    """The other master keys are entered no more, if nothing is wrapped by them now."""
    try:
        async with engine.begin() as conn:
            await conn.execute(delete(master_keys).where(master_keys.c.id != current))
    except IntegrityError:
        return False
    except DBAPIError as failure:
        if is_away(failure):  # somebody holds on to one for long
            return False
        raise
    return True


async def exported(conn: AsyncConnection) -> list[str]:
    """Every data key as it is wrapped now, a line of JSON each."""
    rows = (await conn.execute(select(data_keys).order_by(key.stream_id))).mappings()
    return [to_json({**row}).decode() for row in rows]


async def restored(conn: AsyncConnection, lines: Iterable[str]) -> int:
    """The keys of an export in place of those of an older backup; content newer than the export keeps its own."""
    rows = [from_json(line) for line in lines]
    for row in rows:
        row |= {name: row[name] and datetime.fromisoformat(row[name]) for name in ("created_at", "destroyed_at")}
    named = [
        {"id": kek, "since": datetime.now(UTC)} for kek in sorted({row["kek_id"] for row in rows if row["kek_id"]})
    ]
    if named:
        await conn.execute(insert(master_keys).on_conflict_do_nothing(), named)
    adding = insert(data_keys)
    again = {name: adding.excluded[name] for name in ("wrapped", "kek_id", "destroyed_at")}
    for start in range(0, len(rows), BATCH):
        putting = adding.on_conflict_do_update(index_elements=["stream_id"], set_=again)
        await conn.execute(putting, rows[start : start + BATCH])
    lost = delete(master_keys).where(master_keys.c.id.not_in(select(key.kek_id).where(key.kek_id.is_not(None))))
    await conn.execute(lost.where(master_keys.c.id != vault_of(conn).master.current()))
    return len(rows)
