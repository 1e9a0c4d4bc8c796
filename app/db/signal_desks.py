"""At which desk a signal waits for a person: not at one that it is about, nor at one that its words name, before somebody has looked."""

from collections.abc import Collection, Sequence

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.people import decides_at
from app.domain.identity import known_name
from app.domain.opening import OF_STREET, desk_of, desks_from, is_about
from app.domain.policy import Policy
from app.domain.terms import Agency
from app.domain.watch import Watch

SHORTEST = 2
"""Characters of a name that is looked for."""


async def desk_for(conn: AsyncConnection, rules: Policy, division: str, about: Collection[str], words: str) -> str:
    """The street where the child is said to live, civil affairs where nobody says; where it is about them or all who decide there, or its
    words name them, the next office; last the procuratorate, which no word keeps out where nobody who oversees is left (kept_out)."""
    first = Agency.STREET if len(division) == OF_STREET else Agency.CIVIL
    for desk in desks_from(first, division):
        if await decides_at(conn, desk, about) and not await names(conn, rules, [desk], words):
            return desk
    return Agency.PROC.value


async def names(conn: AsyncConnection, rules: Policy, desks: Sequence[str], words: str) -> bool:
    """Whether words name somebody of these desks, by account or name, also who has left, or say an office-holder of them. Who only bears
    such a name costs another desk's look."""
    said = "".join(words.split())
    if not said:
        return False
    offices = {Agency(desk.partition("-")[0]) for desk in desks}
    if any(word in said for agency in offices for word in rules.office_holders.get(agency, ())):
        return True
    people = tables.people.c
    staff = await conn.execute(select(people.id, people.name).where(people.desk.in_(desks)))
    known, plain = ((one.id.lower(), known_name(one.name)) for one in staff), known_name(words)
    return any(code in said.lower() or (len(name) >= SHORTEST and name in plain) for code, name in known)


def watching(watch: Watch) -> tuple[str, ...]:
    """The desk that watches, and the street office over a committee."""
    over = desk_of(Agency.STREET, watch.division)
    return (watch.desk, over) if is_about(watch.desk, (Agency.COMM.value,)) else (watch.desk,)


async def is_concerned(conn: AsyncConnection, watch: Watch, about: Collection[str]) -> bool:
    """Whether a signal is about the desk that watches, the street office over a committee, or somebody who works there."""
    desks, people = watching(watch), tables.people.c
    staff = select(exists().where(people.desk.in_(desks), people.id.in_(about)))
    return any(is_about(desk, about) for desk in desks) or bool(await conn.scalar(staff))
