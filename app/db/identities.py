"""Who is who at an identity provider: an account there is a person here only once an administrator has said so."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.account_tables import identities


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
