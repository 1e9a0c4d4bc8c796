"""Joins and parts the files of one child: a pointer and, of two watches, the stricter; every stream keeps what is its own."""

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.domain.access import ENGINE
from app.domain.belonging import Belong
from app.domain.child_file import file_id
from app.domain.handover import OfferWatch
from app.domain.refusals import Refused
from app.domain.watch import ResumeWatch, SuspendWatch, Watch, looser, watch_id

if TYPE_CHECKING:
    from app.db.ledger import Ledger


async def join(ledger: "Ledger", conn: AsyncConnection, kept: str, other: str, now: datetime) -> None:
    """Two persons found one child in two files: one belongs to the other, and of two open watches the stricter goes on."""
    await _belong(ledger, conn, other, kept, now)
    watches = {child: watch for child in (kept, other) if (watch := await _watch(conn, child)) and watch.is_open}
    if len(watches) == 2:
        less = looser(watches[kept], watches[other])
        instead = watches[kept if less.child_id == other else other].watch_id
        await ledger.record(conn, less.watch_id, SuspendWatch(by=ENGINE, instead=instead), now=now)


async def part(ledger: "Ledger", conn: AsyncConnection, kept: str, other: str, now: datetime) -> None:
    """As if they had never been joined; what happened meanwhile stays where it was written."""
    await _belong(ledger, conn, other, None, now)
    pair = (watch_id(kept), watch_id(other))
    for child in (kept, other):
        watch = await _watch(conn, child)
        if watch and watch.suspended_for in pair:
            await ledger.record(conn, watch.watch_id, ResumeWatch(by=ENGINE), now=now)


async def moved(ledger: "Ledger", conn: AsyncConnection, child: str, division: str, now: datetime) -> None:
    """A new residence counts: the watch is offered to the desk of its street, where that is another one of the district."""
    watch = await _watch(conn, await watched_as(conn, child))
    if watch and watch.is_open and watch.division != division and len(division) == len(watch.division):
        with suppress(Refused):
            await ledger.record(conn, watch.watch_id, OfferWatch(by=ENGINE, division=division), now=now)


async def watched_as(conn: AsyncConnection, child: str) -> str:
    """The child whose watch goes on where files were joined."""
    file = tables.child_files.c
    primary = (await conn.execute(select(file.merged_into).where(file.child_id == child))).scalar() or child
    others = (await conn.execute(select(file.child_id).where(file.merged_into == primary))).scalars()
    for one in (primary, *others):
        if (watch := await _watch(conn, one)) and watch.is_open:
            return one
    return primary


async def _belong(ledger: "Ledger", conn: AsyncConnection, child: str, primary: str | None, now: datetime) -> None:
    division = select(tables.children.c.division).where(tables.children.c.id == child)
    command = Belong(by=ENGINE, child_id=child, division=(await conn.execute(division)).scalar_one(), primary=primary)
    await ledger.begin(conn, file_id(child), command, now=now)


async def _watch(conn: AsyncConnection, child: str) -> Watch | None:
    stored = select(tables.watches.c.progress).where(tables.watches.c.id == watch_id(child)).with_for_update()
    found = (await conn.execute(stored)).scalar_one_or_none()
    return Watch.model_validate(found) if found else None
