"""Who is who: an account at an identity provider is a person here once an administrator has said so; one staff number, one natural person."""

import unicodedata

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.account_tables import identities
from app.db.vault import vault_of


async def vouched_for(conn: AsyncConnection, issuer: str, subject: str) -> str | None:
    """The person with this account there, active or not."""
    mine = identities.c.issuer == issuer, identities.c.subject == subject
    return (await conn.execute(select(identities.c.person_id).where(*mine))).scalar_one_or_none()


async def bind(conn: AsyncConnection, person_id: str, issuer: str, subject: str) -> bool:
    """This account is that person from now on, and no other account of the provider is; False for a stranger."""
    people = tables.people.c
    known = select(people.id).where(people.id == person_id, people.is_active)
    if (await conn.execute(known)).scalar_one_or_none() is None:
        return False
    await conn.execute(delete(identities).where(identities.c.person_id == person_id, identities.c.issuer == issuer))
    made = upsert(identities).values(issuer=issuer, subject=subject, person_id=person_id)
    await conn.execute(made.on_conflict_do_update(index_elements=["issuer", "subject"], set_={"person_id": person_id}))
    return True


async def enter_staff_no(conn: AsyncConnection, person_id: str, number: str, *, only_first: bool = False) -> bool:
    """The person's number in the staff register, of which a keyed digest stays; all accounts with it are one natural person at once.

    `only_first` leaves a number that stands: what a provider says may join two accounts and never part them. False for a stranger.
    """
    plain = "".join(unicodedata.normalize("NFKC", number).upper().split())
    people = tables.people.c
    mine = update(tables.people).where(people.id == person_id, people.is_active)
    mine = mine.where(people.staff_no.is_(None)) if only_first else mine
    digest = vault_of(conn).digest(f"staff_no|{plain}") if plain else None
    return (await conn.execute(mine.values(staff_no=digest))).rowcount == 1
