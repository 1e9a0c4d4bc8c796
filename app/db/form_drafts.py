"""A form of a case while it is filled in: one draft a person, case and form, sealed with the case's key, gone once it was sent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.desk_tables import form_drafts
from app.db.vault import opened_one, sealed_row

LASTS = timedelta(days=7)  # default
"""From when it was last touched; nobody comes back to a task later than that without having read it anew."""
MOST = 60_000
"""Characters of one draft; more than any form of a case takes."""
draft = form_drafts.c


class Typed(NamedTuple):
    """What was typed, by field, on which version of the case, and when."""

    said: Mapping[str, list[str]]
    version: int
    saved_at: datetime


class Place(NamedTuple):
    """Whose draft of which form."""

    person_id: str
    case_id: str
    form: str


async def save(
    conn: AsyncConnection, at: Place, said: Mapping[str, list[str]], version: int, key: str, now: datetime
) -> bool:
    """Over what stands. False where it is too long, or was sent under this idempotency key meanwhile, so that nothing comes back."""
    sent = tables.commands.c
    mine = and_(sent.stream_id == at.case_id, sent.person_id == at.person_id, sent.key == key)
    if sum(len(value) for values in said.values() for value in values) > MOST:
        return False
    if (await conn.execute(select(exists().where(mine)))).scalar_one():
        return False
    row = await sealed_row(
        conn, form_drafts, {**at._asdict(), "said": {**said}, "version": version, "saved_at": now}
    )  # fmt: skip
    made = insert(form_drafts).values(row)
    fresh = {name: made.excluded[name] for name in ("said", "version", "saved_at")}
    await conn.execute(made.on_conflict_do_update(index_elements=[*Place._fields], set_=fresh))
    return True


async def typed(conn: AsyncConnection, at: Place, now: datetime) -> Typed | None:
    """What waits there; None where the key of the case was destroyed."""
    query = select(form_drafts).where(*_at(at), draft.saved_at > now - LASTS)
    row = await opened_one(conn, (await conn.execute(query)).mappings().one_or_none(), form_drafts)
    return Typed(row["said"], row["version"], row["saved_at"]) if row and row["said"] else None


async def drop(conn: AsyncConnection, at: Place) -> None:
    """It was sent, or is not wanted."""
    await conn.execute(delete(form_drafts).where(*_at(at)))


async def forget(conn: AsyncConnection, now: datetime) -> int:
    """Those that nobody went on with; how many."""
    return (await conn.execute(delete(form_drafts).where(draft.saved_at < now - LASTS))).rowcount


def _at(at: Place) -> list[ColumnElement[bool]]:
    return [form_drafts.c[name] == value for name, value in at._asdict().items()]
