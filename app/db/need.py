"""Full views: opened for a reason and a few minutes, on record, and told to whoever owns the case."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.audit import FULL_VIEW, before_reading
from app.db.projections import people_at
from app.db.vault import sealed_row
from app.db.walls import open_door
from app.domain.access import Actor
from app.domain.masking import VIEW_LASTS, Need
from app.domain.sight import reads_with
from app.domain.terms import Agency, Role

view, deputies = tables.full_views.c, tables.deputies.c


async def opened(conn: AsyncConnection, who: Actor, stream_id: str) -> str | None:
    """The reason of the full view that this person has open on this stream; None while names are masked for them."""
    query = select(view.reason).where(_open_to(who), view.stream_id == stream_id)
    query = query.order_by(view.opened_at.desc()).limit(1)
    return (await conn.execute(query)).scalar_one_or_none()


async def open_on(conn: AsyncConnection, who: Actor, streams: Sequence[str], *also: ColumnElement[Any]) -> set[str]:
    """Of these streams those on which this person has a full view open; `also` is selected on the same way, as a door that it opens."""
    query = select(view.stream_id).where(_open_to(who), view.stream_id.in_(streams))
    return {*(await conn.execute(select(func.array(query.scalar_subquery()), *also))).scalar_one()}


def _open_to(who: Actor) -> ColumnElement[bool]:
    """In the seat in which they sit, the own or a lent one: in another they say why once more."""
    seat = and_(view.person_id == who.person_id, view.behalf.is_not_distinct_from(who.acting_for))
    return and_(seat, view.until > func.clock_timestamp())


async def shut(conn: AsyncConnection, *of: ColumnElement[bool]) -> None:
    """What is open ends now, of these."""
    still = update(tables.full_views).where(view.until > func.clock_timestamp(), *of)
    await conn.execute(still.values(until=func.clock_timestamp()))


async def open_view(
    conn: AsyncConnection, who: Actor, stream_id: str, case_id: str | None, need: Need, note: str, fields: Sequence[str],
    owner: str, *, children: Sequence[str] | None = None,
) -> Row:  # fmt: skip
    """Open it, on record with its fields and reason; `owner` is the address of whoever is told, such as `desk_head:CIVIL`, if anybody."""
    await open_door(conn)
    await before_reading(conn, who, "open_full_view", stream_id, fields, children=children, why=f"{FULL_VIEW}{need}")
    now = func.clock_timestamp()
    lent = (deputies.person_id == who.acting_for, deputies.deputy_id == who.person_id, deputies.revoked_at.is_(None))
    given_back = select(func.max(deputies.until_at)).where(*lent, deputies.from_at <= now, deputies.until_at > now)
    row = {
        "id": f"view-{uuid.uuid4().hex}", "person_id": who.person_id, "behalf": who.acting_for, "agency": who.agency.value,
        "desk": who.desk, "stream_id": stream_id, "case_id": case_id, "reason": need.value, "note": note, "office": reads_with(who),
        "fields": list(fields), "opened_at": now, "until": func.least(now + VIEW_LASTS, given_back.scalar_subquery()),
    }  # fmt: skip
    stored = await sealed_row(conn, tables.full_views, row)
    made = (
        await conn.execute(insert(tables.full_views).values(stored).returning(view.id, view.until, view.opened_at))
    ).one()
    if owner:
        await tell(conn, (owner,), case_id or stream_id, "full_view", made.id, made.opened_at, but=who.persons)
    return made


async def tell(
    conn: AsyncConnection, addresses: Sequence[str], case_id: str, kind: str, subject: str, at: datetime, *,
    but: Sequence[str] = (),
) -> list[str]:  # fmt: skip
    """A notice to the people behind the addresses whom the case is not about, about something that is no event of it; who was told."""
    told = await people_at(conn, addresses, at, [f"{Role.SUPERVISOR}:{Agency.CIVIL}"])
    rows = [
        {"person_id": one, "case_id": case_id, "version": 0, "kind": kind, "subject": subject, "at": at}
        for one in told if one not in but
    ]  # fmt: skip
    if rows:
        await conn.execute(upsert(tables.notices).values(rows).on_conflict_do_nothing())
    return [row["person_id"] for row in rows]
