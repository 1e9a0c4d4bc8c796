"""Screening rounds: what a unit is asked and answers, and how many have answered, unit by unit."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    ColumnElement,
    Numeric,
    and_,
    cast,
    false,
    func,
    or_,
    select,
)

from app.api.context import Conn, Shouhu, Who
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.child_records import one_of
from app.db.entries import line, seen, standing
from app.db.rounds import answered_by, answered_on, begin_round, due_then, found_twice
from app.db.walls import open_door
from app.domain.access import Actor
from app.domain.policy import RoundSpec
from app.domain.refusals import RefusalCode, Refused
from app.domain.registers import FieldType, Kind
from app.domain.rounds import follows, organises
from app.domain.terms import Agency
from app.domain.typed import Instant
from app.router import Router

router = Router(prefix="/v1/rounds", tags=["rounds"], route_class=StrictRoute)
one, unit = tables.rounds.c, tables.round_units.c
AsOf = Annotated[Instant | None, Query(description="Any instant; the past as it stood then, answers by days.")]
Name = Annotated[
    str | None, Field(description="To whoever follows the round, of a school what the list of schools calls it.")
]


class RoundRow(BaseModel):
    """A round with how many have answered."""

    id: str
    code: str
    zh: str
    en: str
    basis: list[str]
    organiser: Agency
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    is_open: bool
    version: int
    asked: int
    returned: int
    rate: float | None = Field(description="Null while it runs and is not due: nobody is late yet.")
    screened: int
    found: int


class UnitRow(BaseModel):
    """What one unit owes in a round, and what it has answered."""

    round_id: str
    unit: str
    desk: str
    due_at: datetime
    returned_at: datetime | None = Field(description="To others than the unit itself, the day.")
    late: bool
    screened: int
    found: int
    joined: list[Agency]
    name: Name = None


class AskedRow(UnitRow):
    """The same with what is asked; `version` is that of the round."""

    code: str
    version: int
    zh: str = ""
    en: str = ""
    basis: list[str] = []


class RateRow(BaseModel):
    """How one unit has answered the rounds of a kind that were due or over; its data are as old as its last answer."""

    unit: str
    name: Name = None
    desk: str
    asked: int
    returned: int
    on_time: int
    rate: float | None = Field(description="Null where none of them was due or over.")
    last_returned_at: datetime | None
    running: bool | None = Field(
        None,
        description="Whether it has answered the round that runs and is not due yet, which is not counted; null where none runs.",
    )


class NewRound(BaseModel):
    """A round out of its turn."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "community_survey"}})

    code: str = Field(max_length=40)


@router.get("", operation_id="rounds")
async def rounds(
    conn: Conn, who: Who, shouhu: Shouhu, code: str | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[RoundRow]:
    """The rounds that the caller's office holds, takes part in or oversees, newest first."""
    specs = await _followed(conn, shouhu, who)
    figures = (
        select(
            unit.round_id, func.count().label("asked"), func.count(unit.returned_at).label("returned"),
            func.sum(unit.screened).label("screened"), func.sum(unit.found).label("found"),
        ).group_by(unit.round_id).subquery()
    )  # fmt: skip
    query = select(tables.rounds, figures).join(figures, figures.c.round_id == one.id)
    query = query.where(one.code.in_(specs if code is None else [c for c in specs if c == code]))
    page = await page_of(
        conn, who, query, _Counted, (one.opened_at, one.id), cursor=cursor, limit=limit, newest_first=True
    )
    now, twice = shouhu.ledger.clock(), Counter[str]()
    for (round_id, _), doubles in (await found_twice(conn, [row.id for row in page.items])).items():
        twice[round_id] += doubles
    once = [row.model_copy(update={"found": row.found - twice[row.id]}) for row in page.items]
    return Page(items=[row.named(specs[row.code], now) for row in once], next=page.next)


class _Counted(BaseModel):
    id: str
    code: str
    organiser: Agency
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    is_open: bool
    version: int
    asked: int
    returned: int
    screened: int
    found: int

    def named(self, spec: RoundSpec, now: datetime) -> RoundRow:
        counts = not self.is_open or self.due_at <= now
        rate = round(self.returned / self.asked, 4) if counts else None
        return RoundRow(**self.model_dump(), zh=spec.zh, en=spec.en, basis=list(spec.basis), rate=rate)


@router.get("/asked", operation_id="rounds_asked")
async def asked(
    conn: Conn, who: Who, shouhu: Shouhu,
    answered: Annotated[
        bool, Query(description="Instead what it has answered in rounds that go on: a further answer adds to it.")
    ] = False,
    cursor: Cursor = None, limit: Limit = 50,
) -> Page[AskedRow]:  # fmt: skip
    """What the caller's desk or unit still owes, the first due first."""
    mine = and_(unit.is_open, unit.returned_at.is_not(None), own(who)) if answered else owed_by(who)
    query = select(tables.round_units, one.code, one.version).join(tables.rounds, one.id == unit.round_id).where(mine)
    by = (unit.due_at, unit.round_id, unit.unit)
    page = await page_of(conn, who, query, AskedRow, by, cursor=cursor, limit=limit)
    specs = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).rounds
    return Page(items=[_in_words(row, specs.get(row.code)) for row in page.items], next=page.next)


def _in_words(row: AskedRow, spec: RoundSpec | None) -> AskedRow:
    said = {"zh": spec.zh, "en": spec.en, "basis": list(spec.basis)} if spec else {"zh": row.code, "en": row.code}
    return row.model_copy(update=said)


def owed_by(who: Actor) -> ColumnElement[bool]:
    """What this desk or unit has not answered, of the rounds that are open."""
    return and_(unit.is_open, unit.returned_at.is_(None), own(who))


@router.get("/rates", operation_id="round_rates")
async def rates(conn: Conn, who: Who, shouhu: Shouhu, code: str, as_of: AsOf = None) -> list[RateRow]:
    """The return rate of each unit over the rounds of a kind that were due or over by then, as the scorecard counts them, the most silent
    first; one that was still running stands beside it."""
    spec = (await _followed(conn, shouhu, who)).get(code)
    if spec is None:
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    at = as_of or shouhu.ledger.clock()
    due, back = due_then(at), answered_by(at)
    over = func.coalesce(or_(due.c.at <= at, one.closed_at <= at), false())
    asked, returned = func.count().filter(over), func.count().filter(over, back)
    query = (
        select(
            unit.unit, unit.desk, asked.label("asked"), returned.label("returned"),
            func.count().filter(over, back, ~unit.late).label("on_time"),
            answered_on(func.max(unit.returned_at).filter(back)).label("last_returned_at"), func.bool_or(back).filter(~over).label("running"),
        )
        .join(tables.rounds, one.id == unit.round_id)
        .join(due, due.c.id == one.id)
        .where(one.code == code, one.opened_at <= at)
        .group_by(unit.unit, unit.desk)
        .order_by((cast(returned, Numeric) / func.nullif(asked, 0)).nulls_last(), unit.unit)
    )  # fmt: skip
    rows = (await conn.execute(query)).mappings().all()
    called = await _called(conn, shouhu, who, spec, [row["unit"] for row in rows])
    return [
        RateRow.model_validate({
            **row, "name": called.get(row["unit"]), "rate": round(row["returned"] / row["asked"], 4) if row["asked"] else None,
        })
        for row in rows
    ]  # fmt: skip


@router.get("/{round_id}/units", operation_id="round_units")
async def units(
    round_id: str,
    conn: Conn,
    who: Who,
    shouhu: Shouhu,
    missing: bool = False,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[UnitRow]:
    """Every unit of a round with its answer; where asked, only those that are missing."""
    spec = await _seen(conn, shouhu, who, round_id)
    columns = [answered_on(column).label(column.name) if column is unit.returned_at else column for column in unit]
    query = select(*columns).where(unit.round_id == round_id)
    query = query.where(unit.returned_at.is_(None)) if missing else query
    page = await page_of(conn, who, query, UnitRow, (unit.unit,), cursor=cursor, limit=limit)
    twice = await found_twice(conn, [round_id])
    called = await _called(conn, shouhu, who, spec, [row.unit for row in page.items])
    once = [
        row.model_copy(update={"found": row.found - twice.get((round_id, row.unit), 0), "name": called.get(row.unit)})
        for row in page.items
    ]
    return Page(items=once, next=page.next)


@router.post("", status_code=201, operation_id="open_round")
async def open_round(given: NewRound, conn: Conn, who: Who, shouhu: Shouhu) -> RoundRow:
    """By the heads of the organiser or the district's supervisors; the round before it ends."""
    now = shouhu.ledger.clock()
    spec = (await shouhu.ledger.current(conn, now)).rounds.get(given.code)
    if spec is None:
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    if not organises(who, spec):
        raise Refused(RefusalCode.NOT_ALLOWED)
    await open_door(conn)
    begun = (await begin_round(conn, shouhu.ledger, given.code, who, now)).progress
    return _Counted(
        id=begun.round_id, code=begun.code, organiser=begun.organiser, opened_at=begun.opened_at,
        due_at=begun.clock.due_at, closed_at=None, is_open=True, version=begun.version, asked=len(begun.units),
        returned=0, screened=0, found=0,
    ).named(spec, now)  # fmt: skip


async def _followed(conn: Conn, shouhu: Shouhu, who: Actor) -> dict[str, RoundSpec]:
    rules = await shouhu.ledger.current(conn, shouhu.ledger.clock())
    return {code: spec for code, spec in rules.rounds.items() if follows(who, spec)}


async def _seen(conn: Conn, shouhu: Shouhu, who: Actor, round_id: str) -> RoundSpec:
    code = await conn.scalar(select(one.code).where(one.id == round_id))
    spec = (await _followed(conn, shouhu, who)).get(code) if code else None
    if spec is None:
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    return spec


async def _called(conn: Conn, shouhu: Shouhu, who: Actor, spec: RoundSpec, units: Sequence[str]) -> dict[str, str]:
    """By code what these units are called in the list from which the round asks, as it stands now; of one that is closed as it was."""
    register = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).registers.get(spec.listed)
    if register is None:
        return {}
    code, name = (line.fields[field].astext for field in (FieldType.UNIT, "name"))
    mine = await seen(conn, who, register)
    query = select(code, name).where(standing(), line.book == register.code, one_of(code, units), mine)
    rows = await conn.execute(query.order_by(line.kind != Kind.ENDED.value, line.at))
    return dict(map(tuple, rows))


def own(who: Actor) -> ColumnElement[bool]:
    return or_(unit.unit == who.desk, unit.unit == who.unit) if who.unit else unit.unit == who.desk
