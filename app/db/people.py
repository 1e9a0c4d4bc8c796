"""Who asks: the person behind a token, or the deputy of somebody who is away."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Row, String, func, literal, not_, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables, walls
from app.domain import sight
from app.domain.access import DESK_STAFF, OVERSIGHT, Actor
from app.domain.sign_in import ABSOLUTE, IDLE, token_hash
from app.domain.terms import Agency, KeyScope, Role

FRESH = timedelta(minutes=1)
"""A session is written as seen at most so often."""


def marks_in(people: FromClause) -> ColumnElement[Any]:
    """By what a case may be about the person of a row."""
    of = people.c
    return func.array_cat(
        func.array_cat(of.also, of.also_at), array([of.id, of.desk, of.agency, func.coalesce(of.unit, "")])
    )


async def actor_by_token(conn: AsyncConnection, token: str, *, plans: str = walls.WIDELY) -> Actor | None:
    """The active person with this token; the transaction sees from now on what that person may see."""
    row = await walls.entered(conn, token_hash(token), plans=plans)
    return _actor(row) if row else None


async def names(conn: AsyncConnection, accounts: Collection[str] | None = None) -> dict[str, str]:
    """What people of offices are called, by account, of all where none is named; who reports for a unit is nobody's to know."""
    people = tables.people.c
    query = select(people.id, people.name).where(people.unit.is_(None))
    rows = await conn.execute(query if accounts is None else query.where(people.id.in_(accounts)))
    return {row.id: row.name for row in rows}


async def of_streets(conn: AsyncConnection, accounts: Collection[str]) -> set[str]:
    """Those of these accounts that are somebody's of a street office or a committee."""
    people, local = tables.people.c, [agency.value for agency in Agency if agency.is_territorial]
    query = select(people.id).where(people.id.in_(accounts), people.agency.in_(local))
    return set((await conn.execute(query)).scalars())


async def actor_by_key(conn: AsyncConnection, secret: str, now: datetime) -> Actor | None:
    """The system with this key, while it is good; it has one name through all its keys, so that it can repeat what it sent."""
    row = await walls.entered_by_key(conn, token_hash(secret), now)
    if row is None:
        return None
    return Actor(
        person_id=f"{row.unit.lower()}.machine", agency=Agency(row.agency), desk=row.desk, roles=(Role.MACHINE,),
        division=row.division, unit=None if row.unit == row.desk else row.unit, scopes=tuple(KeyScope(one) for one in row.scopes),
    )  # fmt: skip


async def actor_by_session(
    conn: AsyncConnection, token: str, now: datetime, *, is_seen: bool = True, plans: str = walls.WIDELY
) -> Actor | None:
    """The active person whose session this is; their sight likewise. It is seen again, unless nobody did anything."""
    digest = token_hash(token)
    session = {"digest": digest, "seen_after": now - IDLE, "began_after": now - ABSOLUTE}
    row = await walls.resumed(conn, session, plans=plans)
    if row is None:
        return None
    if not is_seen:
        return _actor(row)
    stored = tables.sessions.c
    seen = update(tables.sessions).where(stored.token_hash == digest, stored.seen_at < now - FRESH)
    await conn.execute(seen.values(seen_at=now))
    return _actor(row)


async def deputy(conn: AsyncConnection, actor: Actor, absent: str, now: datetime) -> Actor | None:
    """The actor in the seat of the absent person, if a deputyship is in force now; what is about their own unit or desk stays shut there."""
    row = await walls.seated(conn, {"absent": absent, "deputy": actor.person_id, "at": now})
    if row is None:
        return None
    also = tuple(one for one in dict.fromkeys((*actor.also, *row.also)) if one not in (actor.person_id, absent))
    at = tuple(dict.fromkeys((*actor.also_at, *filter(None, (actor.unit, actor.desk)), *row.also_at)))
    return _actor(row).model_copy(
        update={"person_id": actor.person_id, "acting_for": absent, "also": also, "also_at": at}
    )


async def actors_of(conn: AsyncConnection, person_ids: Collection[str]) -> dict[str, Actor]:
    """The active people among these, by id."""
    people = tables.people
    rows = await conn.execute(select(people).where(people.c.id.in_(person_ids), people.c.is_active))
    return {row.id: _actor(row) for row in rows}


async def units_of(conn: AsyncConnection, concerned: Collection[str]) -> tuple[str, ...]:
    """The units whose staff the persons among these are, also those who have left: a school, a hospital, and the desk of the committee
    or street office at which they, or the people of a unit among these, work: who reports there and who handles cases are colleagues. A
    whole authority is concerned only where it is named, for there is no other to do its part."""
    people = tables.people.c
    theirs = or_(people.id.in_(concerned), people.unit.in_(concerned))
    rows = await conn.execute(select(people.unit, people.desk, people.agency).where(theirs))
    both = ((row.unit, row.desk if Agency(row.agency).is_territorial else None) for row in rows)
    return tuple(sorted({one for pair in both for one in pair if one}))


async def behind_accounts(conn: AsyncConnection, named: Collection[str]) -> set[str]:
    """The units and local desks of the accounts among these that report for a unit: which account is whose is nobody's to know."""
    people = tables.people.c
    theirs = select(people.unit, people.desk, people.agency).where(people.id.in_(named), people.unit.is_not(None))
    rows = (await conn.execute(theirs)).all()
    desks = {row.desk for row in rows if Agency(row.agency).is_territorial}
    return {row.unit for row in rows} | desks


async def unknown_among(conn: AsyncConnection, named: Collection[str]) -> list[str]:
    """Those of these that are the code of nobody: no account, unit, desk or agency, also none of before."""
    people, known = tables.people.c, {agency.value for agency in Agency}
    for code in (people.id, people.unit, tables.desks.c.id, tables.round_units.c.unit, tables.api_keys.c.unit):
        known.update((await conn.execute(select(code).where(code.in_(named)).distinct())).scalars())
    return [one for one in dict.fromkeys(named) if one not in known]


async def is_about_reporter(conn: AsyncConnection, case_id: str) -> bool:
    """Whether a case, or one that it is linked to, is about whoever reported it: the account, or the unit, desk or agency behind it."""
    people, case, report = tables.people, tables.cases.c, tables.reports.c
    said = select(case.about, report.filed_by, report.reporter_unit).join(tables.reports, report.case_id == case.id)
    found = (await conn.execute(said.where(case.id == case_id))).one_or_none()
    if found is None or not found.about:
        return False
    here = or_(people.c.id == found.filed_by, people.c.unit == found.reporter_unit)
    behind = [_actor(row) for row in await conn.execute(select(people).where(here))]
    marks = {found.filed_by, found.reporter_unit}
    for one in behind:
        marks.update(one.marks if one.person_id == found.filed_by else (one.desk, one.agency.value))
    return not marks.isdisjoint(found.about)


async def is_overseen(conn: AsyncConnection, about: Collection[str], *, sealed: bool = False) -> bool:
    """Whether somebody who oversees the district, or a sealed case, is left to see a case that is about these."""
    people = tables.people
    offices = [agency.value for agency in ((Agency.PROC,) if sealed else OVERSIGHT)]
    rows = await conn.execute(select(people).where(people.c.agency.in_(offices), people.c.is_active))
    return sight.is_overseen(about, map(_actor, rows), sealed=sealed)


async def decides_at(conn: AsyncConnection, desk: str, about: Collection[str]) -> bool:
    """Whether somebody who decides at this desk is left to see what is about these; where it is about nobody it is the desk's."""
    people = tables.people
    decide = [role.value for role in (*DESK_STAFF, Role.AGENCY_HEAD)]
    left = select(people.c.id).where(people.c.desk == desk, people.c.is_active, people.c.roles.overlap(decide))
    named = literal(list(about), ARRAY(String)).overlap(marks_in(people))
    return not about or bool(await conn.scalar(select(left.where(not_(named)).exists())))


async def kept_out(conn: AsyncConnection, named: Collection[str], *, sealed: bool = False) -> tuple[str, ...]:
    """Whom a report is kept from that is about these: with the units of persons, and without the procuratorate where nobody who
    oversees it is left, so that no report is kept from everybody. Of a sealed one the persons named stay out where others are left."""
    about = tuple(dict.fromkeys((*named, *await units_of(conn, named))))
    if await is_overseen(conn, about, sealed=sealed):
        return about
    persons = tuple(one for one in about if one != Agency.PROC.value)
    if sealed and await is_overseen(conn, persons, sealed=True):
        return persons
    people = tables.people.c
    procurators = await conn.execute(select(people.id).where(people.agency == Agency.PROC.value))
    never = {Agency.PROC.value, *procurators.scalars()}
    return tuple(one for one in about if one not in never)


def machine_of(agency: Agency) -> Actor:
    """An agency's own system, which speaks for its desk."""
    return Actor(person_id=f"{agency.value.lower()}.machine", agency=agency, desk=agency.value, roles=(Role.MACHINE,))


def _actor(row: Row) -> Actor:
    return Actor(
        person_id=row.id, agency=Agency(row.agency), desk=row.desk, roles=tuple(Role(role) for role in row.roles),
        division=row.division, unit=row.unit, also=tuple(row.also), also_at=tuple(row.also_at),
    )  # fmt: skip
