"""Cases that are linked: locked together, and none of them reaches whom another is about, for as long as the link stands."""

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import tables
from app.db.people import is_overseen
from app.domain import commands as c
from app.domain.access import ENGINE
from app.domain.progress import Progress
from app.domain.refusals import RefusalCode, Refused

if TYPE_CHECKING:
    from app.db.ledger import Ledger

REACHES_OTHERS = (c.LinkReport, c.UnlinkReport, c.AnswerReporter, c.WaiveAnswer, c.ApproveClosure, c.DeclareConflict)
"""Commands whose facts may change another case in the same transaction."""
MOST = 200
"""Families that one look sets right."""
log = structlog.get_logger()
case = tables.cases.c


def kept_out(own: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    """By what each of a family is about itself: whom the others are about and it is not."""
    return {
        one: tuple(
            sorted({whom for other, about in own.items() if other != one for whom in about}.difference(own[one]))
        )
        for one in own
    }


async def lock_together(conn: AsyncConnection, case_id: str, command: c.Command) -> None:
    """A case and all that it is or will be linked to, in the order of their ids, so that no two commands wait for each other; anew where
    the family grew while it waited, for what comes to it may come before what is held."""
    named = [case_id, *((command.primary,) if isinstance(command, c.LinkReport) else ())]
    locked, family = set[str](), await _family(conn, named)
    while not locked.issuperset(family):
        held = await conn.begin_nested()
        lock = select(case.id).where(case.id.in_(family)).order_by(case.id).with_for_update()
        locked = set((await conn.execute(lock)).scalars())
        family = await _family(conn, named)
        await (held.commit() if locked.issuperset(family) else held.rollback())


async def _family(conn: AsyncConnection, named: Sequence[str]) -> set[str]:
    to = select(func.coalesce(case.linked_to, case.id)).where(case.id.in_(named))
    heads = {*named, *(await conn.execute(to)).scalars()}
    return set(
        (await conn.execute(select(case.id).where(or_(case.id.in_(heads), case.linked_to.in_(heads))))).scalars()
    )


async def keep_apart(
    ledger: "Ledger", conn: AsyncConnection, case_id: str, now: datetime, *, declared: bool = False
) -> None:
    """Each of the cases that this one is linked to, and itself, are kept from whom the others are about, and from nobody else besides
    its own: a case would name the other to them, and they would work on it. Raises Refused. What was `declared` in this one is on record
    in the others, new to them or not: else the number of their events would say whether it was."""
    head = select(func.coalesce(case.linked_to, case.id)).where(case.id == case_id).scalar_subquery()
    stored = select(case.progress).where(or_(case.id == head, case.linked_to == head)).order_by(case.id)
    family = [Progress.model_validate(one) for one in (await conn.execute(stored)).scalars()]
    out = kept_out({one.case_id: one.own_about for one in family})
    for one in family:
        told = declared and one.case_id != case_id
        if (wanted := out[one.case_id]) != one.about_by_link or told:
            await require_overseen(conn, one.about, (*one.own_about, *wanted))
            await ledger.record(conn, one.case_id, c.KeepOut(by=ENGINE, about=wanted), now=now)


async def require_overseen(
    conn: AsyncConnection, before: Collection[str], after: Collection[str], *, sealed: bool = False
) -> None:
    """Neither a declaration nor a link takes a case from everybody who oversees it."""
    if await is_overseen(conn, before, sealed=sealed) and not await is_overseen(conn, after, sealed=sealed):
        raise Refused(RefusalCode.NOBODY_OVERSEES)


async def keep_all_apart(engine: AsyncEngine, ledger: "Ledger") -> None:
    """The same for links that were made, or taken back, before this rule was there. One that cannot be kept so, as nobody would oversee
    it any more or it cannot be read, holds up no other."""
    async with engine.connect() as conn:
        found = await _unlike(conn)
    for case_id in random.sample(found, min(len(found), MOST)):
        try:
            async with engine.begin() as conn:
                await lock_together(conn, case_id, c.KeepOut(by=ENGINE))
                await keep_apart(ledger, conn, case_id, ledger.clock())
        except Exception as failure:  # the board shows what is left, and the next look tries again
            log.warning("not_kept_apart", case_id=case_id, cause=type(failure).__name__)


async def _unlike(conn: AsyncConnection) -> list[str]:
    """One case of each family in which somebody is shut out, or is not, otherwise than the links say."""
    head = func.coalesce(case.linked_to, case.id)
    concerned = select(head).where(func.cardinality(case.about) > 0)
    query = select(head, case.id, case.about, case.progress["about_by_link"]).where(head.in_(concerned))
    families: dict[str, dict[str, tuple[set[str], set[str]]]] = {}
    for of, case_id, about, by_link in await conn.execute(query):
        families.setdefault(of, {})[case_id] = (set(about).difference(by_link or ()), set(by_link or ()))
    return [of for of, family in families.items() if _differs(family)]


def _differs(family: Mapping[str, tuple[set[str], set[str]]]) -> bool:
    out = kept_out({one: own for one, (own, _) in family.items()})
    return any(set(out[one]) != by_link for one, (_, by_link) in family.items())
