"""Cases about those who handle cases: kept from their desk also where they are of before, and what lies at that desk goes to another."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import tables
from app.db.joining import away, watched_by_concerned
from app.db.ledger import Ledger
from app.domain import commands as c
from app.domain.access import ENGINE
from app.domain.handover import desk_to_watch, is_about
from app.domain.referral_commands import ReassignReferral
from app.domain.terms import Agency

MOST = 200
"""Cases that one look sets right."""
LEGS = text("""select t.case_id, t.subject, t.desk, t.division, c.about from tasks t join cases c on c.id = t.case_id
  where t.is_open and t.kind = 'referral' and c.is_open and c.linked_to is null and split_part(t.desk, '-', 2) <> ''
  and c.about && array[t.desk, split_part(t.desk, '-', 1)]::varchar[]""")
log = structlog.get_logger()


async def keep_colleagues_out(engine: AsyncEngine, ledger: Ledger) -> None:
    """Each is kept from the colleagues of whom it is about itself; one that cannot be changed holds up no other."""
    async with engine.connect() as conn:
        found = await _open_to_colleagues(conn)
    for case_id in random.sample(list(found), min(len(found), MOST)):
        try:
            async with engine.begin() as conn:
                await ledger.record(conn, case_id, c.DeclareConflict(by=ENGINE, about=found[case_id]))
        except Exception as failure:  # the next look tries again
            log.warning("colleagues_not_kept_out", case_id=case_id, cause=type(failure).__name__)


async def give_to_others(engine: AsyncEngine, ledger: Ledger) -> None:
    """What lies at a desk that its case is about, and that may not see it, goes to one that may: watches over children, and legs of a
    committee or street office. What is left the board shows to those who oversee the district."""
    async with engine.connect() as conn:
        watches = await watched_by_concerned(conn)
        legs = (await conn.execute(LEGS)).all()
    for watch in random.sample(watches, min(len(watches), MOST)):
        async with _goes_on("watch_not_given", watch), engine.begin() as conn:
            await away(ledger, conn, [watch], ledger.clock())
    for leg in random.sample(legs, min(len(legs), MOST)):
        about = (*leg.about, leg.desk)
        to = desk_to_watch(leg.division, about)
        if not is_about(to, about):
            async with _goes_on("leg_not_given", leg.case_id), engine.begin() as conn:
                command = ReassignReferral(by=ENGINE, referral_id=leg.subject, to=Agency(to.partition("-")[0]))
                await ledger.record(conn, leg.case_id, command)


@asynccontextmanager
async def _goes_on(event: str, stream_id: str) -> AsyncIterator[None]:
    """One that cannot be changed holds up no other; the next look tries again."""
    try:
        yield
    except Exception as failure:
        log.warning(event, stream_id=stream_id, cause=type(failure).__name__)


async def _open_to_colleagues(conn: AsyncConnection) -> dict[str, tuple[str, ...]]:
    """The local desks that each lacks. Before the rule the unit of whoever was named was kept out and no desk of it, so one that names a
    local desk is not of before, and who has moved since takes no case along."""
    people, case = tables.people.c, tables.cases.c
    local = [agency.value for agency in Agency if agency.is_territorial]
    staff = select(people.unit, people.desk).where(people.unit.is_not(None), people.agency.in_(local))
    desks: dict[str, set[str]] = {}
    for unit, desk in await conn.execute(staff):
        desks.setdefault(unit, set()).add(desk)
    about = select(case.id, case.about, case.progress["about_by_link"]).where(case.about.overlap(list(desks)))
    lacking: dict[str, tuple[str, ...]] = {}
    for case_id, marks, by_link in await conn.execute(about):
        own = set(marks).difference(by_link or ())
        lack = set[str]().union(*(desks.get(one, ()) for one in own))
        if lack and not any(one.partition("-")[0] in local for one in own):
            lacking[case_id] = tuple(sorted(lack))
    return lacking
