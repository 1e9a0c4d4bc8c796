"""Cases of before that are about a unit of a committee or street office, and were not kept from the desk of the same."""

import random

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import tables
from app.db.ledger import Ledger
from app.domain import commands as c
from app.domain.access import ENGINE
from app.domain.terms import Agency

MOST = 200
"""Cases that one look sets right."""
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


async def _open_to_colleagues(conn: AsyncConnection) -> dict[str, tuple[str, ...]]:
    """The desks that each lacks."""
    people, case = tables.people.c, tables.cases.c
    local = [agency.value for agency in Agency if agency.is_territorial]
    staff = select(people.id, people.unit, people.desk).where(people.unit.is_not(None), people.agency.in_(local))
    desks: dict[str, set[str]] = {}
    for account, unit, desk in await conn.execute(staff):
        for mark in (account, unit):
            desks.setdefault(mark, set()).add(desk)
    about = select(case.id, case.about, case.progress["about_by_link"]).where(case.about.overlap(list(desks)))
    lacking: dict[str, tuple[str, ...]] = {}
    for case_id, marks, by_link in await conn.execute(about):
        own = set(marks).difference(by_link or ())
        if lack := set().union(*(desks.get(one, ()) for one in own)) - own:
            lacking[case_id] = tuple(sorted(lack))
    return lacking
