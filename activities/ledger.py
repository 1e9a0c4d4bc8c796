"""The engine's commands to the ledger: the next stage, what is due, and what was missed."""

import contextlib
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from activities.messages import At, Moved, RoundOrder, StageAt
from app.db import tables
from app.db.ledger import Ledger, events_since
from app.db.rounds import begin_round
from app.db.streams import kind_of
from app.domain import commands as c
from app.domain.access import ENGINE
from app.domain.file_work import RaiseDueChanges
from app.domain.owed import RaiseDueOwed
from app.domain.refusals import Refused
from app.domain.rounds import RaiseDueRound
from app.domain.terms import Agency
from app.domain.watch_work import RaiseDueVisit

SYSTEMS = select(tables.endpoints.c.agency).order_by(tables.endpoints.c.agency)


async def news(conn: AsyncConnection, stream_id: str, since: int) -> Moved:
    """All events after this version, and of a case which agencies are reached at their own system; nothing else goes out to one."""
    bodies = await events_since(conn, stream_id, since)
    codes = (await conn.execute(SYSTEMS)).scalars() if kind_of(stream_id).table is tables.cases else ()
    return Moved(since=since, events=tuple(bodies), systems=tuple(Agency(code) for code in codes))


async def heard(conn: AsyncConnection, at: At) -> Moved:
    """What the conductor asked for and all else that it has not seen; in one transaction with that, the relay need not tell it.

    Where the stream is to be told anew meanwhile, because its conductor was given up, that stays so.
    """
    moved, table = await news(conn, at.stream_id, at.version), kind_of(at.stream_id).table
    told = at.version + len(moved.events)
    knows = update(table).where(table.c.id == at.stream_id, table.c.conducted_version.between(at.version, told - 1))
    await conn.execute(knows.values(conducted_version=told))
    return moved


@dataclass
class LedgerActivities:
    """Each is safe to run twice: the ledger refuses what is done, and then only the news is returned."""

    engine: AsyncEngine
    ledger: Ledger

    @activity.defn(name="catch_up")
    async def catch_up(self, at: At) -> Moved:
        """Only read."""
        async with self.engine.connect() as conn:
            return await news(conn, at.stream_id, at.version)

    @activity.defn(name="enter_stage")
    async def enter_stage(self, at: StageAt) -> Moved:
        """Move the case on, unless a person got there first."""
        return await self._record(at, c.EnterStage(by=ENGINE, stage=at.stage))

    @activity.defn(name="raise_due")
    async def raise_due(self, at: At) -> Moved:
        """Record every rung and expiry that is due at the conductor's time."""
        return await self._record(at, c.RaiseDue(by=ENGINE))

    @activity.defn(name="raise_due_visit")
    async def raise_due_visit(self, at: At) -> Moved:
        """Record every rung of a missed visit that is due."""
        return await self._record(at, RaiseDueVisit(by=ENGINE))

    @activity.defn(name="raise_due_round")
    async def raise_due_round(self, at: At) -> Moved:
        """Record every rung for the units that have not answered a round."""
        return await self._record(at, RaiseDueRound(by=ENGINE))

    @activity.defn(name="open_round")
    async def open_round(self, order: RoundOrder) -> None:
        """Ask all units, unless this day's round stands already or the rules no longer know it."""
        now = order.now or self.ledger.clock()
        with contextlib.suppress(Refused):
            async with self.engine.begin() as conn:
                await begin_round(conn, self.ledger, order.code, ENGINE, now)

    @activity.defn(name="raise_due_changes")
    async def raise_due_changes(self, at: At) -> Moved:
        """Record every rung of a change of a file that waits too long."""
        return await self._record(at, RaiseDueChanges(by=ENGINE))

    @activity.defn(name="raise_due_owed")
    async def raise_due_owed(self, at: At) -> Moved:
        """Record every rung of an empty post, of books that differ or of a signal that nobody looks at."""
        return await self._record(at, RaiseDueOwed(by=ENGINE))

    async def _record(self, at: At, command: c.Command) -> Moved:
        try:
            async with self.engine.begin() as conn:
                await self.ledger.record(conn, at.stream_id, command, now=at.now)
                return await heard(conn, at)
        except Refused:
            return await self.catch_up(at)
