"""The district's registers: agencies with their systems, the calendar and its yearly confirmation, callbacks of agencies."""

import contextlib
from collections import Counter
from datetime import date
from typing import Annotated, Any, Literal, Self

from fastapi import Header, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from sqlalchemy import delete, func, insert, select, text
from starlette.exceptions import HTTPException

from activities.gateway import verify
from app.api.answers import AgencyRow, CalendarDay, Confirmed, Year
from app.api.context import Conn, Service, Shouhu, Who, require
from app.api.problems import Problem
from app.api.strict import StrictRoute
from app.api.work import Done, perform
from app.db import tables
from app.db.audit import on_record
from app.db.ledger import Ledger
from app.db.people import machine_of
from app.db.streams import STREAMS
from app.db.vault import opened_one
from app.db.walls import open_door
from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import ENGINE, Action
from app.domain.clock import DayKind
from app.domain.progress import LEFT, Progress
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, DeclineReason, FailReason, ReturnReason
from app.router import Router

router = Router(prefix="/v1", tags=["district"], route_class=StrictRoute)


@router.get("/agencies", operation_id="agencies")
async def agencies(conn: Conn, who: Who) -> list[AgencyRow]:
    """Every agency with its official name of today and its earlier ones."""
    rows = (await conn.execute(select(tables.agencies).order_by(tables.agencies.c.code))).mappings()
    return [AgencyRow.model_validate(dict(row)) for row in rows]


@router.get("/calendar", operation_id="calendar")
async def calendar(conn: Conn, who: Who, year: Annotated[int, Query(ge=2000, le=2100)]) -> Year:
    """The exceptions of a year, and until when the calendar is confirmed."""
    day = tables.calendar_days
    rows = await conn.execute(
        select(day).where(day.c.day.between(date(year, 1, 1), date(year, 12, 31))).order_by(day.c.day)
    )
    until = (await conn.execute(select(func.max(tables.calendars.c.confirmed_until)))).scalar_one()
    return Year(confirmed_until=until, days=[CalendarDay.model_validate(dict(row)) for row in rows.mappings()])


class Day(BaseModel):
    """One exception to the week."""

    model_config = ConfigDict(extra="forbid")

    day: date
    kind: Literal[DayKind.HOLIDAY, DayKind.MAKE_UP]
    name: str = Field(max_length=60)


class Confirmation(BaseModel):
    """A year as the State Council announced it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "year": 2027, "days": [{"day": "2027-01-01", "kind": "holiday", "name": "元旦"}],
                "reason": "国务院办公厅已公布2027年安排",
            }
        },
    )  # fmt: skip

    year: int = Field(ge=2020, le=2100)
    days: list[Day] = Field(max_length=120)
    reason: str = Field(min_length=1, max_length=200)
    source: str = Field(default="国务院办公厅通知", max_length=200)

    @model_validator(mode="after")
    def _each_day_once_and_of_this_year(self) -> Self:
        if any(entry.day.year != self.year for entry in self.days):
            raise ValueError("a day is not of this year")
        if len({entry.day for entry in self.days}) != len(self.days):
            raise ValueError("a day stands twice")
        return self


@router.post("/calendar/confirmations", operation_id="confirm_year")
async def confirm_year(given: Confirmation, conn: Conn, who: Who, shouhu: Shouhu) -> Confirmed:
    """The year is certain now: a new calendar, and every open deadline that it moves is recomputed for this reason."""
    require(who, Action.MANAGE_CALENDAR)
    await conn.execute(text("select pg_advisory_xact_lock(hashtextextended('calendar', 0))"))
    known = select(func.max(tables.calendars.c.version), func.max(tables.calendars.c.confirmed_until))
    newest = (await conn.execute(known)).one()
    if given.year > newest[1].year + 1:
        raise Problem(422, "year_out_of_order", "须按年份顺序确认 · An earlier year has to be confirmed first.")
    await _enter_days(conn, given)
    version = {
        "version": newest[0] + 1, "confirmed_until": max(newest[1], date(given.year, 12, 31)), "reason": given.reason,
        "set_by": who.person_id, "at": shouhu.ledger.clock(),
    }  # fmt: skip
    await conn.execute(insert(tables.calendars), version)
    await on_record(conn, who, "confirm_year", None, [str(given.year)], children=[])
    moved = await _recompute(conn, shouhu, given.reason)
    return Confirmed(calendar_version=version["version"], cases_moved=moved["cases"], watches_moved=moved["watches"])


async def _enter_days(conn: Conn, given: Confirmation) -> None:
    day = tables.calendar_days
    await conn.execute(delete(day).where(day.c.day.between(date(given.year, 1, 1), date(given.year, 12, 31))))
    rows = [
        {**entry.model_dump(), "kind": entry.kind.value, "source": given.source, "confirmed": True}
        for entry in given.days
    ]
    if rows:
        await conn.execute(insert(day), rows)


async def _recompute(conn: Conn, shouhu: Service, reason: str) -> Counter[str]:
    """With a ledger of its own: were this transaction rolled back, no other must remember its calendar."""
    moved: Counter[str] = Counter()
    await open_door(conn)
    ledger = Ledger(shouhu.ledger.load, shouhu.ledger.policy, shouhu.ledger.clock)
    for table in STREAMS:
        for stream in (await conn.execute(select(table.c.id).where(table.c.is_open).order_by(table.c.id))).scalars():
            with contextlib.suppress(Refused):  # nothing of it moves
                await ledger.record(conn, stream, c.RecomputeDeadlines(by=ENGINE, why=reason))
                moved[table.name] += 1
    return moved


class Callback(BaseModel):
    """What an agency's system says of a referral."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"case_id": "case-1", "referral_id": "a-police-1", "verb": "return", "reason": "missing_contact"}
        }
    )

    referral_id: str = Field(max_length=120)
    case_id: str = Field(max_length=80)
    verb: Literal["accept", "return", "decline", "complete", "fail"]
    reason: str | None = Field(default=None, max_length=40)
    note: str = Field(default="", max_length=20_000)
    outcome: c.Code = ""
    """Of a leg that is the first step of a procedure: how it ended, with its record."""
    record: c.Record = Field(default_factory=dict)
    about: c.Whom = ()


CALLBACK_BODY = {"required": True, "content": {"application/json": {"schema": Callback.model_json_schema()}}}


@router.post("/callbacks/{agency}", operation_id="callback", openapi_extra={"requestBody": CALLBACK_BODY})
async def callback(
    agency: Agency,
    request: Request,
    conn: Conn,
    shouhu: Shouhu,
    webhook_id: Annotated[str, Header(max_length=150)] = "",
) -> Done:
    """Signed by the agency's system (Standard Webhooks); its id makes a repetition harmless."""
    endpoint = tables.endpoints.c
    query = select(endpoint.agency, endpoint.secret).where(endpoint.agency == agency.value)
    row = await opened_one(conn, (await conn.execute(query)).mappings().one_or_none(), tables.endpoints)
    if row is None:
        raise HTTPException(404)
    said = _said(verify(SecretStr(row["secret"]), request.headers, await request.body()))
    await open_door(conn)
    await _refuse_if_gone(conn, agency, said)
    return await perform(
        conn, shouhu, machine_of(agency), said.case_id, _command(agency, said), Action.WORK_REFERRAL,
        key=f"callback:{webhook_id}", if_match=None, referral_id=said.referral_id,
    )  # fmt: skip


async def _refuse_if_gone(conn: Conn, agency: Agency, said: Callback) -> None:
    """An agency that has left the case is still told by name that the leg which it had is another's now."""
    case = tables.cases.c
    stored = (await conn.execute(select(case.progress).where(case.id == said.case_id))).scalar_one_or_none()
    leg = Progress.model_validate(stored).referral(said.referral_id) if stored else None
    if leg and leg.agency is agency and leg.state in LEFT:
        raise Refused(RefusalCode.REFERRAL_ENDED, state=leg.state)


def _said(body: dict[str, Any]) -> Callback:
    try:
        return Callback.model_validate(body)
    except ValidationError as wrong:
        raise RequestValidationError([{**entry, "loc": ("body", *entry["loc"])} for entry in wrong.errors()]) from None


def _command(agency: Agency, said: Callback) -> c.Command:
    head: dict[str, Any] = {"by": machine_of(agency), "referral_id": said.referral_id, "note": said.note}
    try:
        match said.verb:
            case "accept":
                return rc.AcceptReferral(**head)
            case "complete":
                return rc.CompleteReferral(**head, outcome=said.outcome, record=said.record, about=said.about)
            case "return":
                return rc.ReturnReferral(**head, reason=ReturnReason(said.reason))
            case "decline":
                return rc.DeclineReferral(**head, reason=DeclineReason(said.reason))
            case "fail":
                return rc.FailReferral(**head, reason=FailReason(said.reason))
    except ValueError:
        raise Problem(422, "unknown_reason", "没有此原因代码 · There is no such reason for this verb.") from None
