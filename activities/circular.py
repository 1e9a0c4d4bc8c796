"""The monthly circular: the facts of the ledger, set in type and kept."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from app.db.circulars import circulars, facts_of, keep, month_before
from app.db.ledger import Ledger
from app.documents import render


@dataclass
class CircularActivities:
    """Safe to run twice: the first circular of a month stays."""

    engine: AsyncEngine
    ledger: Ledger

    @activity.defn(name="make_circular")
    async def make_circular(self, now: datetime) -> str:
        """Of the month that has ended; its first day."""
        month = month_before(now)
        async with self.engine.begin() as conn:
            if (await conn.execute(select(circulars.c.month).where(circulars.c.month == month))).first() is None:
                body = await asyncio.to_thread(render, "circular", await facts_of(conn, self.ledger, month))
                await keep(conn, month, body, now)
        return month.isoformat()
