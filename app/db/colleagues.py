"""Cases about those who handle cases: kept from their desk also where they are of before, and what lies at that desk goes to another."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import tables
from app.db.joining import at_concerned, away
from app.db.ledger import Ledger
from app.domain import commands as c
from app.domain.access import ENGINE
from app.domain.opening import desk_unless, is_about
from app.domain.referral_commands import ReassignDuty, ReassignReferral
from app.domain.terms import Agency

MOST = 200
"""Cases that one look sets right."""
TASKS = text("""select t.case_id, t.subject, t.kind, t.desk, t.division, c.about from tasks t join cases c on c.id = t.case_id
  where t.is_open and c.is_open and c.linked_to is null and split_part(t.desk, '-', 2) <> ''
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
    """What lies at a desk that its case is about, and that may not see it, goes to one that may: watches over children, changes of their
    files, and legs and duties of a committee or street office. What is left the board shows to those who oversee the district."""
    async with engine.connect() as conn:
        streams = await at_concerned(conn)
        tasks = (await conn.execute(TASKS)).all()
    for one in random.sample(streams, min(len(streams), MOST)):
        async with _goes_on("not_given_on", one), engine.begin() as conn:
            await away(ledger, conn, [one], ledger.clock())
    for task in random.sample(tasks, min(len(tasks), MOST)):
        about = (*task.about, task.desk)
        to = desk_unless(Agency(task.desk.partition("-")[0]), task.division, about)
        if not is_about(to, about):
            async with _goes_on("task_not_given", task.case_id), engine.begin() as conn:
                await ledger.record(conn, task.case_id, _reassigned(task, Agency(to.partition("-")[0])))


def _reassigned(task: Row[Any], to: Agency) -> c.Command:
    if task.kind == "referral":
        return ReassignReferral(by=ENGINE, referral_id=task.subject, to=to)
    return ReassignDuty(by=ENGINE, code=task.subject, to=to)


@asynccontextmanager
async def _goes_on(event: str, stream_id: str) -> AsyncIterator[None]:
    """One that cannot be changed holds up no other; the next look tries again."""
    try:
        yield
    except Exception as failure:
        log.warning(event, stream_id=stream_id, cause=type(failure).__name__)


async def _open_to_colleagues(conn: AsyncConnection) -> dict[str, tuple[str, ...]]:
    """The local desks that each lacks. Before the rule the unit of whoever was named was kept out and no desk of it, so a unit that was
    named together with one is not of before, and who has moved since takes no case along."""
    people, case = tables.people.c, tables.cases.c
    local = [agency.value for agency in Agency if agency.is_territorial]
    staff = select(people.unit, people.desk).where(people.unit.is_not(None), people.agency.in_(local))
    desks: dict[str, set[str]] = {}
    for unit, desk in await conn.execute(staff):
        desks.setdefault(unit, set()).add(desk)
    about = select(case.id, case.about, case.progress["about_by_link"]).where(case.about.overlap(list(desks)))
    own = {case_id: set(marks).difference(by_link or ()) for case_id, marks, by_link in await conn.execute(about)}
    lacking = {case_id: {unit: desks[unit] - marks for unit in marks & {*desks}} for case_id, marks in own.items()}
    found = {case_id: units for case_id, units in lacking.items() if any(units.values())}
    known = await _named_with_desks(conn, found, local)
    lack = {
        case_id: set[str]().union(*(some for unit, some in units.items() if unit not in known[case_id]))
        for case_id, units in found.items()
    }
    return {case_id: tuple(sorted(some)) for case_id, some in lack.items() if some}


async def _named_with_desks(
    conn: AsyncConnection, case_ids: Collection[str], local: Collection[str]
) -> defaultdict[str, set[str]]:
    """By case the units that were named together with a local desk, or before the service named theirs."""
    event, named, known = tables.events.c, defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    said = select(event.stream_id, event.by, event.body["about"], event.body["is_own"].as_boolean().label("is_own"))
    said = said.where(event.stream_id.in_(case_ids), event.kind.in_(("report_filed", "conflict_declared")))
    for case_id, by, about, is_own in await conn.execute(said.order_by(event.stream_id, event.version)):
        if by == ENGINE.person_id and not is_own:  # what a link brought
            continue
        named[case_id].update(about or ())
        if any(one.partition("-")[0] in local for one in about or ()):
            known[case_id].update(named[case_id] if is_own else about)
    return known
