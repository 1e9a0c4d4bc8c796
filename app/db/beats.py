"""The beats of workers, by which the API knows that they live and reach the engine; and everything else that health is judged by."""

from datetime import date, datetime, timedelta

from sqlalchemy import Column, Row, String, Table, delete, func, select, text, union_all
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.audit import unsealed_for
from app.db.columns import Id, Instant, metadata
from app.db.rotation import require_keys, standing
from app.db.streams import STREAMS
from app.db.vault import KeyMissing, NoVault
from app.domain.health import HEARD_WITHIN, Measured
from app.domain.terms import Agency, Fault

beats = Table(
    "beats",
    metadata,
    Column("process", Id, primary_key=True),
    Column("build", String(80), nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("engine_at", Instant),
    Column("reconciled_at", Instant),
    comment="One row a worker process: when it was last heard, and when it last reached the engine and compared it with the ledger.",
)
FORGOTTEN_AFTER = timedelta(days=1)
ARCHIVER = text(
    "select current_setting('archive_mode') <> 'off' as archives, last_archived_time, last_failed_time from pg_stat_archiver"
)


async def beat(
    conn: AsyncConnection, process: str, build: str, now: datetime, *, engine: bool, reconciled_at: datetime | None
) -> None:
    """The worker lives; what has been silent for a day is forgotten."""
    row = {"process": process, "build": build, "began_at": now, "at": now, "reconciled_at": reconciled_at}
    row |= {"engine_at": now} if engine else {}
    kept = {name: value for name, value in row.items() if name != "began_at"}
    await conn.execute(insert(beats).values(row).on_conflict_do_update(index_elements=["process"], set_=kept))
    await conn.execute(delete(beats).where(beats.c.at < now - FORGOTTEN_AFTER))


async def behind(conn: AsyncConnection) -> tuple[int, datetime | None]:
    """Streams whose newest events the conductor was not told of, and since when the oldest of these waits."""
    events = tables.events.c
    late = [
        select(table.c.id, func.min(events.at).label("at"))
        .join(tables.events, (events.stream_id == table.c.id) & (events.version > table.c.conducted_version))
        .where(table.c.version > table.c.conducted_version)
        .group_by(table.c.id)
        for table in STREAMS
    ]
    waiting = union_all(*late).subquery()
    number, since = (await conn.execute(select(func.count(), func.min(waiting.c.at)).select_from(waiting))).one()
    return number, since


async def measure(conn: AsyncConnection, now: datetime, restored_on: date | None) -> Measured:
    """Everything, as it stands in the database; the transaction has to see all cases."""
    heard = await _heard(conn, now)
    streams, since = await behind(conn)
    archiver = (await conn.execute(ARCHIVER)).one()
    keys = await standing(conn)
    return Measured(
        heard_at=heard.at, engine_at=heard.engine_at, reconciled_at=heard.reconciled_at, workers=heard.workers, behind=streams,
        behind_since=since, findings=await _findings(conn), failing=await _failing(conn), unsealed=await unsealed_for(conn),
        keys_at_hand=await _at_hand(conn), keys_since_rotation=keys.since_rotation, confirmed_until=await _confirmed(conn),
        archives=archiver.archives, archived_at=archiver.last_archived_time, archive_failed_at=archiver.last_failed_time,
        restored_on=restored_on,
    )  # fmt: skip


async def _heard(conn: AsyncConnection, now: datetime) -> Row:
    alive = func.count().filter(beats.c.at > now - HEARD_WITHIN).label("workers")
    newest = [func.max(beats.c[name]).label(name) for name in ("at", "engine_at", "reconciled_at")]
    return (await conn.execute(select(alive, *newest))).one()


async def _findings(conn: AsyncConnection) -> dict[Fault, int]:
    found = tables.findings.c
    query = select(found.problem, func.count()).where(found.ended_at.is_(None), ~found.repaired).group_by(found.problem)
    return {Fault(problem): number for problem, number in await conn.execute(query)}


async def _failing(conn: AsyncConnection) -> dict[str, int]:
    task = tables.tasks.c
    query = select(task.agency, func.count()).where(task.is_open, task.delivery.in_(("failing", "rejected")))
    rows = await conn.execute(query.group_by(task.agency).order_by(func.count().desc()))
    return {Agency(agency).zh: number for agency, number in rows}


async def _confirmed(conn: AsyncConnection) -> date | None:
    return (await conn.execute(select(func.max(tables.calendars.c.confirmed_until)))).scalar_one()


async def _at_hand(conn: AsyncConnection) -> bool:
    try:
        await require_keys(conn)
    except (KeyMissing, NoVault):
        return False
    return True
