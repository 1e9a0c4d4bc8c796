"""The yearly papers of data protection, made by whoever knows all of the service's rules."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from app.db.ledger import Ledger

Make = Callable[[AsyncConnection, Ledger], Awaitable[Sequence[str]]]


@dataclass
class ComplianceActivities:
    """Safe to run twice: a year has its papers once, unless somebody asks for more. `make` reads rights, which stand above activities."""

    engine: AsyncEngine
    ledger: Ledger
    make: Make

    @activity.defn(name="make_compliance_papers")
    async def make_compliance_papers(self) -> int:
        """Of the year that has ended, and of how all stands."""
        async with self.engine.begin() as conn:
            return len(await self.make(conn, self.ledger))
