"""Looks for what is owed outside of cases, as schedules ask: empty posts every day, the books every month; and for
children who may stand in two files."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from activities.messages import CheckOrder
from app.db.alike import look_for_doubles
from app.db.doubles import tell_of_waiting
from app.db.ledger import Ledger
from app.db.owed import compare_books, keep_departures, keep_help, keep_posts


@dataclass
class OwedActivities:
    """Safe to run twice: what is owed already is opened no second time."""

    engine: AsyncEngine
    ledger: Ledger

    @activity.defn(name="check_books")
    async def check_books(self, order: CheckOrder) -> None:
        """What the order says."""
        now = order.now or self.ledger.clock()
        if order.what == "posts":
            async with self.engine.begin() as conn:
                await keep_posts(conn, self.ledger, now)
            for look in keep_departures, keep_help:
                async for looked in look(self.engine, self.ledger, now):
                    activity.heartbeat(looked)
        elif order.what == "books":
            async for looked in compare_books(self.engine, self.ledger, now):
                activity.heartbeat(looked)
        else:

            async def tell(conn: AsyncConnection, ids: list[str]) -> None:
                await tell_of_waiting(conn, self.ledger, ids, now)

            async for looked in look_for_doubles(self.engine, order.since, now, tell):
                activity.heartbeat(looked)
