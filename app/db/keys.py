"""Keys of machines: shown once, kept as a hash, bound to a unit and scopes, good until they expire or are revoked."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Row, Select, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.account_tables import api_keys
from app.domain.keys import Bound, overlap_ends, refusal_of
from app.domain.refusals import RefusalCode, Refused
from app.domain.sign_in import token_hash
from app.domain.terms import KeyScope

PREFIX = "shk_"
"""So that it is known as a key wherever one turns up by mistake."""
key = api_keys.c
SHOWN = (key.id, key.unit, key.agency, key.scopes, key.label, key.made_by, key.made_at, key.expires_at, key.revoked_at,
         key.replaced_by, key.last_used_at)  # fmt: skip
giver = tables.people.c
LEFT = exists().where(giver.id == key.made_by, giver.is_active.is_(False)).label("giver_left")
"""Whoever gave it has seen it, and is shut out by now."""


class NewKey(NamedTuple):
    """What is shown once."""

    id: str
    secret: str


def listed(unit: str | None = None, made_by: str | None = None) -> Select:
    """All keys that the transaction sees, or those of one unit, or that one person gave."""
    asked = ((key.unit, unit), (key.made_by, made_by))
    return select(*SHOWN, LEFT).where(*(column == wanted for column, wanted in asked if wanted is not None))


async def found(conn: AsyncConnection, key_id: str) -> Row:
    """KEY_NOT_FOUND where there is none."""
    row = (await conn.execute(select(api_keys).where(key.id == key_id))).one_or_none()
    if row is None:
        raise Refused(RefusalCode.KEY_NOT_FOUND)
    return row


def bound_of(row: Row) -> Bound:
    """To what that key is bound."""
    return Bound(unit=row.unit, agency=row.agency, desk=row.desk, division=row.division)


async def bound_to(conn: AsyncConnection, unit: str) -> Bound | None:
    """A desk by its id, or a reporting unit by what its people say of it."""
    desk, person = tables.desks.c, tables.people.c
    row = (
        await conn.execute(select(desk.id.label("desk"), desk.agency, desk.division).where(desk.id == unit))
    ).one_or_none()
    if row is None:
        of_unit = select(person.desk, person.agency, person.division).where(person.unit == unit, person.is_active)
        row = (await conn.execute(of_unit.order_by(person.id).limit(1))).one_or_none()
    return Bound(unit=unit, agency=row.agency, desk=row.desk, division=row.division) if row else None


async def issue(
    conn: AsyncConnection, bound: Bound, scopes: Sequence[KeyScope], label: str, *, by: str, now: datetime, expires_at: datetime
) -> NewKey:  # fmt: skip
    """A new key; TOO_MANY_KEYS where the unit has enough."""
    good = select(func.count()).where(key.unit == bound.unit, key.revoked_at.is_(None), key.expires_at > now)
    if refusal := refusal_of(bound, (await conn.execute(good)).scalar_one()):
        raise Refused(refusal)
    made = NewKey(f"key-{secrets.token_hex(8)}", PREFIX + secrets.token_urlsafe(32))
    row = {
        **bound.model_dump(), "id": made.id, "digest": token_hash(made.secret), "scopes": sorted(set(scopes)), "label": label,
        "made_by": by, "made_at": now, "expires_at": expires_at,
    }  # fmt: skip
    await conn.execute(insert(api_keys), row)
    return made


async def rotate(
    conn: AsyncConnection, row: Row, *, by: str, now: datetime, lasts: timedelta, overlap: timedelta
) -> NewKey:
    """A new key of the same kind; the old one goes on for the overlap."""
    scopes = [KeyScope(scope) for scope in row.scopes]
    made = await issue(conn, bound_of(row), scopes, row.label, by=by, now=now, expires_at=now + lasts)
    ends = overlap_ends(now, overlap, row.expires_at)
    await conn.execute(update(api_keys).where(key.id == row.id).values(expires_at=ends, replaced_by=made.id))
    return made


async def revoke(conn: AsyncConnection, key_id: str, now: datetime) -> None:
    """At the next request it is worth nothing; once more changes nothing."""
    await conn.execute(update(api_keys).where(key.id == key_id, key.revoked_at.is_(None)).values(revoked_at=now))
