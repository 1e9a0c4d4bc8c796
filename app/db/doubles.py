"""A registration and the files that may be the same child's: what its street sees, what only the district sees, and what was decided."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.alike import Alike, alike, alike_files, known_of, waits_to_be_verified
from app.db.child_records import division_of, records_of
from app.db.communities import street_of
from app.db.ledger import Ledger, Recorded
from app.db.owed import open_all, opening, owed, settle
from app.db.walls import child_concerns
from app.domain.access import Actor
from app.domain.belonging import FindDifferent
from app.domain.child_file import ChildFile, file_id
from app.domain.child_terms import FileField, Section
from app.domain.owed import Matter, OpenOwed, Settled
from app.domain.terms import Agency


@dataclass(frozen=True)
class Doubles:
    """Files that may be about a child: those in the reader's sight, and those that only the district sees."""

    here: list[Alike]
    elsewhere: list[Alike]


async def doubles_of(
    conn: AsyncConnection, child: str, mine: ColumnElement[bool], sections: Collection[Section] | None = None
) -> Doubles:
    """Of one child as it stands now; `mine` is what the reader sees of children, `sections` what of each. Asked behind the door."""
    (record,) = await records_of(conn, [child], true())
    different = record.file.different if record.file else ()
    found = [
        one
        for one in await alike(conn, known_of(record), unverified=True, sections=sections)
        if one.child_id not in different
    ]
    seen = select(tables.children.c.id).where(tables.children.c.id.in_([one.child_id for one in found]), mine)
    here = set((await conn.execute(seen)).scalars()) if found else set[str]()
    return Doubles([one for one in found if one.child_id in here], [one for one in found if one.child_id not in here])


async def is_told(conn: AsyncConnection, who: Actor, others: Collection[str]) -> bool:
    """Whether a reader is told that the district compares with these: of a child whose case is about them that would say that there is one."""
    child = tables.children.c
    seen = select(child.id).where(child.id.in_(others), ~child_concerns(who, child.id)).limit(1)
    return (await conn.execute(seen)).first() is not None


async def find_different(
    conn: AsyncConnection, ledger: Ledger, by: Actor, one: str, other: str, note: str = "", key: str | None = None
) -> dict[str, Recorded]:
    """Written in both files, so that neither suggests the other; what it made in each."""
    made = dict[str, Recorded]()
    for child, not_this in sorted(((one, other), (other, one))):
        command = FindDifferent(
            by=by, child_id=child, division=await division_of(conn, child), other=not_this, note=note
        )
        made[child] = await ledger.begin(conn, file_id(child), command, key=key)
    pair = alike_files.c
    await conn.execute(delete(alike_files).where(pair.one == min(one, other), pair.other == max(one, other)))
    await compared(conn, ledger, one, by, other)
    return made


async def tell_of_waiting(conn: AsyncConnection, ledger: Ledger, children: Collection[str], now: datetime) -> None:
    """The district is told of each kept pair of these in two streets of which one waits to be verified: before a second watch begins,
    and while there is somebody who may compare them."""
    pair, child, file = alike_files.c, tables.children.c, tables.child_files.c
    query = select(pair.one, pair.other).where(or_(pair.one.in_(children), pair.other.in_(children)))
    pairs = [(row.one, row.other) for row in await conn.execute(query)]
    ids = {one for both in pairs for one in both}
    street = func.coalesce(file.division, child.division).label("division")
    known = select(child.id, child.filed_at, street, waits_to_be_verified().label("waits"))
    known = known.outerjoin(tables.child_files, file.child_id == child.id).where(child.id.in_(ids))
    rows = {row.id: row for row in await conn.execute(known)} if ids else {}
    for pair_of in pairs:
        both = [rows[one] for one in pair_of if one in rows]
        waiting = [row for row in both if row.waits]
        if waiting and len({row.division for row in both}) == 2:
            newest = max(waiting, key=lambda row: (row.filed_at, row.id))
            others = [row.id for row in both if row is not newest]
            await tell_district(conn, ledger, newest.id, newest.division, others, now)


async def tell_district(
    conn: AsyncConnection, ledger: Ledger, child: str, division: str, others: Iterable[str], now: datetime
) -> None:
    """Owed by civil affairs: to compare this registration with each of the others, unless somebody has said already that they are one."""
    file = tables.child_files.c
    asked = list[OpenOwed]()
    for other in others:
        stored = (await conn.execute(select(file.progress).where(file.child_id.in_((child, other))))).scalars()
        links = {change.other for one in stored for change in ChildFile.model_validate(one).waiting}
        if not links & {child, other}:
            asked.append(opening(Matter.DOUBLE, other, child, Agency.CIVIL.value, division, "change_verify"))
    await open_all(conn, ledger, asked, now)


async def compare_again(conn: AsyncConnection, ledger: Ledger, kept: str, other: str) -> None:
    """That two files are one child's was not verified: of two streets the district compares them again, for nobody else sees both."""
    of_kept, of_other = [await street_of(conn, one) for one in (kept, other)]
    if of_kept != of_other:
        await tell_district(conn, ledger, other, of_other, [kept], ledger.clock())


async def was_told(conn: AsyncConnection, who: Actor, child: str, change: int) -> bool:
    """Whether this change registered the child, and the reader was told that the district compares it with another. Asked behind the door."""
    event = tables.events.c
    entered = select(event.version).where(event.stream_id == file_id(child), event.version == change)
    entered = entered.where(event.body["field"].astext == FileField.REGISTRATION.value)
    asked = select(owed.subject, owed.code).where(
        owed.matter == Matter.DOUBLE.value, or_(owed.subject == child, owed.code == child)
    )
    pairs = (await conn.execute(asked.where(entered.exists()))).all()
    return await is_told(conn, who, [one for pair in pairs for one in pair if one != child])


async def compared(conn: AsyncConnection, ledger: Ledger, child: str, by: Actor, other: str | None = None) -> None:
    """Somebody decided on these two, or what was registered of the child waits no more: nothing is owed for it. One of them may have
    been joined with a third file meanwhile, and is meant by any of its names."""
    query = select(owed.id).where(owed.matter == Matter.DOUBLE.value, owed.is_open)
    if other is None:
        query = query.where(or_(owed.subject == child, owed.code == child))
    else:
        one, second = await _names(conn, child), await _names(conn, other)
        there, back = owed.subject.in_(one) & owed.code.in_(second), owed.subject.in_(second) & owed.code.in_(one)
        query = query.where(or_(there, back))
    for name in (await conn.execute(query)).scalars().all():
        await settle(conn, ledger, name, Settled.DECIDED, by, ledger.clock())


async def _names(conn: AsyncConnection, child: str) -> list[str]:
    return (await conn.execute(select(func.shouhu_family(child)))).scalar_one()
