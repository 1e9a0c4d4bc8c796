"""The rules by which the ledger decides: a version by its name, or the one in force, with the newest calendar; each is loaded once."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.streams import NEWEST_CALENDAR
from app.db.versions import IN_FORCE, written
from app.domain.clock import Calendar, DayKind
from app.domain.determination import ChildFound
from app.domain.disclosure_lists import Lists
from app.domain.facts import ReportFacts
from app.domain.policy import Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.working_time import day_of


class Pack(Protocol):
    """A policy version that still needs the calendar in force; `file` is for those who know the pack itself."""

    @property
    def version(self) -> str: ...

    @property
    def file(self) -> Any: ...

    @property
    def lists(self) -> Lists: ...

    def with_calendar(self, calendar: Calendar) -> Policy: ...

    def found(self, facts: ReportFacts, happened: Collection[str] = ()) -> tuple[ChildFound, ...]: ...

    def since(self, facts: ReportFacts, happened: Collection[str]) -> ReportFacts: ...

    def task(self, code: str) -> str: ...


@dataclass
class Rules:
    """`load` gives a policy pack by version and files; `policy` names the one for new cases until one is published."""

    load: Callable[[str, Mapping[str, str] | None], Pack]
    policy: str
    _calendars: dict[int, Calendar] = field(default_factory=dict, init=False)
    _packs: dict[str, Pack] = field(default_factory=dict, init=False)
    _policies: dict[tuple[str, int], Policy] = field(default_factory=dict, init=False)

    async def current(self, conn: AsyncConnection, now: datetime) -> Policy:
        """The rules for what begins now."""
        row = (await conn.execute(IN_FORCE, {"today": day_of(now)})).one()
        return await self.at_calendar(conn, row.version or self.policy, row.newest)

    async def pack(self, conn: AsyncConnection, version: str) -> Pack:
        """A version as it was published or ships; neither ever changes."""
        if version not in self._packs:
            self._packs[version] = self.load(version, await written(conn, version))
        return self._packs[version]

    async def published(self, conn: AsyncConnection, version: str) -> Policy:
        """The version that somebody names; raises Refused where there is none."""
        if version != self.policy and await written(conn, version) is None:
            raise Refused(RefusalCode.UNKNOWN_POLICY, version=version)
        return await self.rules(conn, version)

    async def rules(self, conn: AsyncConnection, version: str) -> Policy:
        """The pinned policy version with the calendar in force."""
        return await self.at_calendar(conn, version, (await conn.execute(NEWEST_CALENDAR)).scalar_one())

    async def at_calendar(self, conn: AsyncConnection, version: str, newest: int) -> Policy:
        """The same, where the number of the newest calendar is at hand."""
        if newest not in self._calendars:
            self._calendars[newest] = await _calendar(conn, newest)
        pinned = (version, newest)
        if pinned not in self._policies:
            self._policies[pinned] = (await self.pack(conn, version)).with_calendar(self._calendars[newest])
        return self._policies[pinned]


async def _calendar(conn: AsyncConnection, version: int) -> Calendar:
    """The calendar table as the domain knows it."""
    until = select(tables.calendars.c.confirmed_until).where(tables.calendars.c.version == version)
    confirmed_until = (await conn.execute(until)).scalar_one()
    rows = await conn.execute(select(tables.calendar_days.c.day, tables.calendar_days.c.kind))
    days = {row.day: DayKind(row.kind) for row in rows}
    return Calendar(version=str(version), days=days, confirmed_until=confirmed_until)
