"""Absences: who stands in for whom, and for how long."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import and_, insert, or_, select, update
from starlette.exceptions import HTTPException

from app.api.context import Conn, Shouhu, Who
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.audit import on_record
from app.db.need import shut
from app.db.people import actors_of
from app.db.people import names as names_of
from app.db.walls import open_door
from app.domain.access import STAFF
from app.domain.deputies import may_appoint, may_know_names
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Role
from app.domain.typed import Instant
from app.router import Router

router = Router(prefix="/v1", tags=["deputies"], route_class=StrictRoute)


class Absence(BaseModel):
    """Who is away from when to when, and who stands in."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "person_id": "police.officer.1", "deputy_id": "police.officer.2",
                "from_at": "2026-12-01T00:00:00+08:00", "until_at": "2026-12-08T00:00:00+08:00",
            }
        },
    )  # fmt: skip

    person_id: str = Field(max_length=80)
    deputy_id: str = Field(max_length=80)
    from_at: Instant
    until_at: Instant

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.until_at <= self.from_at:
            raise ValueError("the absence ends before it begins")
        if self.person_id == self.deputy_id:
            raise ValueError("nobody stands in for themselves")
        return self


class Deputyship(Absence):
    """An absence as it was entered, with who entered it and when it was revoked."""

    model_config = ConfigDict(extra="forbid")

    id: int
    set_by: str
    revoked_at: datetime | None


class Colleague(BaseModel):
    """Somebody of the own office."""

    id: str = Field(examples=["police.officer.2"])
    name: str
    desk: str
    roles: list[Role]


class Named(BaseModel):
    """An account with the name of whoever has it."""

    id: str
    name: str


class Made(BaseModel):
    """The number of the new row."""

    id: int


@router.get("/deputies", operation_id="deputies")
async def deputies(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 100) -> Page[Deputyship]:
    """Absences that concern the caller, newest first."""
    table = tables.deputies
    own = [table.c.person_id, table.c.deputy_id, table.c.set_by]
    query = select(table).where(or_(*(column == who.person_id for column in own)))
    return await page_of(conn, who, query, Deputyship, (table.c.id,), cursor=cursor, limit=limit, newest_first=True)


@router.get("/colleagues", operation_id="colleagues")
async def colleagues(conn: Conn, who: Who) -> list[Colleague]:
    """The staff of the caller's office, who may stand in for one another."""
    people = tables.people.c
    query = select(people.id, people.name, people.desk, people.roles).where(
        people.agency == who.agency.value, people.is_active, people.roles.overlap([role.value for role in STAFF])
    )
    query = query.where(people.desk == who.desk) if who.agency.is_territorial else query
    rows = await conn.execute(query.order_by(people.desk, people.id))
    return [Colleague.model_validate(dict(row)) for row in rows.mappings()]


@router.get("/names", operation_id="names")
async def names(
    conn: Conn, who: Who, id: Annotated[list[str] | None, Query(max_length=100, examples=[["police.officer.1"]])] = None
) -> list[Named]:
    """What people of offices are called, by account; accounts that are nobody's, or report for a unit, are left out."""
    if not may_know_names(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    return [Named(id=account, name=name) for account, name in (await names_of(conn, id or ())).items()]


@router.post("/deputies", status_code=201, operation_id="appoint_deputy")
async def appoint(absence: Absence, conn: Conn, who: Who, shouhu: Shouhu) -> Made:
    """One for oneself, or the head for somebody of the own office."""
    people = await actors_of(conn, {absence.person_id, absence.deputy_id})
    absent, deputy = people.get(absence.person_id), people.get(absence.deputy_id)
    if absent is None or deputy is None or not may_appoint(who, absent, deputy):
        raise Refused(RefusalCode.NOT_ALLOWED)
    limit = (await shouhu.ledger.rules(conn, shouhu.ledger.policy)).deputy_limit
    if absence.until_at - absence.from_at > limit.nominal:
        raise Refused(RefusalCode.DEPUTYSHIP_TOO_LONG, limit=str(limit))
    made = await conn.execute(
        insert(tables.deputies).values(**absence.model_dump(), set_by=who.person_id).returning(tables.deputies.c.id)
    )
    await on_record(conn, who, "appoint_deputy", absence.person_id, [f"deputy:{absence.deputy_id}"[:40]], children=[])
    return Made(id=made.scalar_one())


@router.delete("/deputies/{deputy_row}", status_code=204, operation_id="revoke_deputy")
async def revoke(deputy_row: int, conn: Conn, who: Who, shouhu: Shouhu) -> None:
    """By whoever is away or set it; at once, with what the deputy has open in full in that seat."""
    table = tables.deputies
    own = or_(table.c.person_id == who.person_id, table.c.set_by == who.person_id)
    standing = and_(table.c.id == deputy_row, table.c.revoked_at.is_(None), own)
    ended = (
        update(table)
        .where(standing)
        .values(revoked_at=shouhu.ledger.clock())
        .returning(table.c.person_id, table.c.deputy_id)
    )
    done = (await conn.execute(ended)).one_or_none()
    if done is None:
        raise HTTPException(404)
    view = tables.full_views.c
    await open_door(conn)
    await shut(conn, view.person_id == done.deputy_id, view.behalf == done.person_id)
    await on_record(conn, who, "revoke_deputy", done.person_id, [f"deputy:{done.deputy_id}"[:40]], children=[])
