"""Jobs over sheets: what was asked, how far it is, and the workbook that was sent or made, for a day."""

import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import tables
from app.db.audit import REFUSED
from app.db.columns import Id, Instant, keyed_by, metadata, sealed
from app.db.vault import forget_keys, opened, sealed_row
from app.domain.access import Actor
from app.domain.sheets import JobState, Step

LEASE = timedelta(seconds=60)
"""A job of which nothing was heard for so long is taken up again from its beginning, for what it did is not there."""
MOST_TRIES = 3
KEPT = timedelta(hours=24)
"""How long a workbook stays; default."""
CHUNK = 2**18
GIVEN, MADE, APPROVED = "given", "made", "approved"

sheet_jobs = Table(
    "sheet_jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("step", String(10), nullable=False),
    Column("book", String(40), nullable=False),
    Column("person_id", Id, nullable=False),
    Column("actor", JSONB, nullable=False),
    Column("why", String(40)),
    Column("month", String(7)),
    Column("state", String(10), nullable=False),
    Column("problem", String(60)),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer, nullable=False, server_default="0"),
    Column("counts", JSONB, nullable=False, server_default="{}"),
    Column("faults", JSONB, nullable=False, server_default="[]"),
    Column("unread", JSONB, nullable=False, server_default="[]"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("at", Instant, nullable=False),
    Column("beat_at", Instant),
    Column("ended_at", Instant),
    Index("ix_sheet_jobs_waiting", "at", postgresql_where=text("state in ('waiting', 'running')")),
    Index("ix_sheet_jobs_handed_in", "month", postgresql_where=text("why = 'hand_in' and month is not null")),
    Index(None, "person_id", "at"),
    comment="Exports and imports of books; `faults` are rows, columns and codes, never what stood there.",
)
sheet_parts = Table(
    "sheet_parts",
    metadata,
    Column("job_id", Id, nullable=False),
    Column("name", String(10), nullable=False),
    Column("number", Integer, nullable=False),
    sealed("body", "bytes"),
    PrimaryKeyConstraint("job_id", "name", "number"),
    info=keyed_by("job_id"),
    comment="Workbooks that were sent or made, in pieces; gone after a day.",
)
job, part = sheet_jobs.c, sheet_parts.c
SHOWN = [column for column in job if column not in (job.actor, job.beat_at, job.tries)]


async def ask(
    conn: AsyncConnection, step: Step, book: str, who: Actor, now: datetime, *, why: str | None = None, sent: bytes = b"",
    approved: bool = False, month: str | None = None,
) -> str:  # fmt: skip
    """A new job, with what was sent; `approved` where a second person stands behind it."""
    job_id = f"sheet-{uuid.uuid4().hex}"
    row = {
        "id": job_id, "step": step.value, "book": book, "person_id": who.person_id, "actor": who.model_dump(mode="json"),
        "why": why, "month": month, "state": JobState.WAITING.value, "at": now,
        "counts": {APPROVED: 1} if approved else {},
    }  # fmt: skip
    await conn.execute(insert(sheet_jobs), row)
    if sent:
        await keep(conn, job_id, GIVEN, sent)
    return job_id


EXPORT, WITHIN = "export_ledger", timedelta(days=1)
"""In the audit; and the time in which slices of books are one export; default."""


async def taken_alone(conn: AsyncConnection, who: Actor, now: datetime) -> set[str]:
    """The children whom this natural person has carried away since yesterday with no second person behind it: month by month or book
    by book they are as many as at once."""
    line = tables.audit.c
    query = select(func.unnest(line.children)).where(
        line.person_id.in_([who.person_id, *who.also]), line.action == EXPORT, line.outcome != REFUSED,
        line.at > now - WITHIN, ~line.fields.contains([APPROVED]),
    )  # fmt: skip
    return set((await conn.execute(query)).scalars())


async def keep(conn: AsyncConnection, job_id: str, name: str, whole: bytes) -> None:
    """A workbook in pieces, in the place of one that stood there."""
    await conn.execute(delete(sheet_parts).where(part.job_id == job_id, part.name == name))
    for number, start in enumerate(range(0, len(whole), CHUNK)):
        row = {"job_id": job_id, "name": name, "number": number, "body": whole[start : start + CHUNK]}
        await conn.execute(insert(sheet_parts), await sealed_row(conn, sheet_parts, row))


async def pieces(conn: AsyncConnection, job_id: str, name: str) -> AsyncIterator[bytes]:
    """The workbook piece by piece."""
    numbers = select(part.number).where(part.job_id == job_id, part.name == name).order_by(part.number)
    for number in (await conn.execute(numbers)).scalars().all():
        one = select(sheet_parts).where(part.job_id == job_id, part.name == name, part.number == number)
        (found,) = await opened(conn, (await conn.execute(one)).mappings(), sheet_parts)
        yield found["body"] or b""


async def take(engine: AsyncEngine, now: datetime) -> Row[Any] | None:
    """The oldest job that nobody works on, which is the caller's from now on. Books that leave for one natural person come one after the
    other, or they would take the places of all workers to wait in."""
    stale = and_(job.state == JobState.RUNNING.value, job.beat_at < now - LEASE)
    async with engine.begin() as conn:
        lost = update(sheet_jobs).where(stale, job.tries >= MOST_TRIES)
        await conn.execute(lost.values(state=JobState.FAILED.value, problem="gave_up", ended_at=now))
        free = (
            select(job.id).where(or_(job.state == JobState.WAITING.value, stale), ~_has_another(now)).order_by(job.at)
        )
        one = free.limit(1).with_for_update(skip_locked=True).scalar_subquery()
        mine = update(sheet_jobs).where(job.id == one)
        mine = mine.values(state=JobState.RUNNING.value, beat_at=now, tries=job.tries + 1, done=0)
        return (await conn.execute(mine.returning(*job))).one_or_none()


def _has_another(now: datetime) -> ColumnElement[bool]:
    """Whether both it and one that is being worked on are books that leave for one natural person, with no second person behind them."""
    under_way = sheet_jobs.alias("under_way")
    other = under_way.c
    same = or_(
        other.person_id == job.person_id, job.actor["also"].has_key(other.person_id), other.actor["also"].has_key(job.person_id)
    )  # fmt: skip
    is_worked_on = and_(other.id != job.id, other.state == JobState.RUNNING.value, other.beat_at >= now - LEASE)
    leave = [and_(one.step == Step.EXPORT.value, ~one.counts.has_key(APPROVED)) for one in (job, other)]
    return select(other.id).where(same, is_worked_on, *leave).correlate(sheet_jobs).exists()


async def beat(engine: AsyncEngine, job_id: str, now: datetime, done: int, total: int) -> None:
    """How far it is; told apart from the work itself, which is there as a whole or not at all."""
    async with engine.begin() as conn:
        told = update(sheet_jobs).where(job.id == job_id).values(beat_at=now, done=done, total=total)
        await conn.execute(told)


async def settle(conn: AsyncConnection, job_id: str, state: JobState, now: datetime, **values: Any) -> None:
    """The end of a step."""
    ended: Mapping[str, Any] = {"state": state.value, "ended_at": now, **values}
    await conn.execute(update(sheet_jobs).where(job.id == job_id).values(**ended))


async def again(conn: AsyncConnection, job_id: str, step: Step) -> bool:
    """A further step of a job that is ready, once."""
    ready = update(sheet_jobs).where(job.id == job_id, job.state == JobState.READY.value)
    row = ready.values(step=step.value, state=JobState.WAITING.value, tries=0, done=0, ended_at=None)
    return (await conn.execute(row.returning(job.id))).one_or_none() is not None


async def forget(engine: AsyncEngine, now: datetime) -> None:
    """Workbooks that are a day old go; the line that says who asked for them and why stays."""
    old = select(job.id).where(job.at < now - KEPT)
    async with engine.begin() as conn:
        gone = delete(sheet_parts).where(part.job_id.in_(old)).returning(part.job_id)
        await forget_keys(conn, set((await conn.execute(gone)).scalars()))
