"""Signals behind which a person found nothing: for some days whoever oversees the district reads their words, so that nobody wipes a
complaint alone; then these are forgotten."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.signal_warnings import how_verified
from app.db.signals import row, signals
from app.db.vault import Row, forget_keys, opened_one
from app.domain.refusals import RefusalCode, Refused
from app.domain.signals import SignalEnd
from app.domain.visit import Outcome

KEPT = timedelta(days=30)
"""Product default: the notice names no time; long enough that a circular of the month lies between."""
NOTHING = (SignalEnd.FALSE_ALARM.value, SignalEnd.UNKNOWN.value)


def dismissed_at() -> ColumnElement[datetime | None]:
    """When a person ended it without a report, or verified the warning that it opened as no risk."""
    verified_at = how_verified(tables.events.c.at)
    no_risk = row.child_id.is_not(None) & (how_verified() == Outcome.NO_RISK.value)
    return case((row.outcome.in_(NOTHING), row.decided_at), (no_risk, verified_at))


def still_told(now: datetime) -> ColumnElement[bool]:
    """Those whose words are there for whoever oversees the district."""
    return func.coalesce(row.said.is_not(None) & (dismissed_at() > now - KEPT), False)


async def told(conn: AsyncConnection, signal_id: str, now: datetime) -> Row:
    """One of them, with its words."""
    query = select(signals, dismissed_at().label("dismissed_at")).where(row.id == signal_id, still_told(now))
    signal = await opened_one(conn, (await conn.execute(query)).mappings().one_or_none(), signals)
    if signal is None:
        raise Refused(RefusalCode.SIGNAL_NOT_FOUND)
    return signal


async def forget(conn: AsyncConnection, now: datetime) -> int:
    """The words and marks of those that are over go, with the keys; how many."""
    old = select(row.id).where(row.said.is_not(None), row.received_at <= now - KEPT, dismissed_at() <= now - KEPT)
    gone = (await conn.execute(old)).scalars().all()
    await conn.execute(update(signals).where(row.id.in_(gone)).values(said=None, marks=[]))
    return await forget_keys(conn, gone)
