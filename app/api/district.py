"""The district's registers: agencies with their systems, the calendar and its yearly confirmation, callbacks of agencies."""

from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field, SecretStr
from sqlalchemy import delete, func, insert, select
from starlette.exceptions import HTTPException

from activities.gateway import verify
from app.api.context import Conn, Service, Shouhu, Who, require
from app.db import tables
from app.db.people import machine_of
from app.domain import commands as c
from app.domain.access import ENGINE, Action
from app.domain.clock import DayKind
from app.domain.progress import Progress, running_clocks
from app.domain.refusals import Refused
from app.domain.terms import Agency, DeclineReason, FailReason, ReturnReason

router = APIRouter(prefix="/v1", tags=["district"])


@router.get("/agencies", operation_id="agencies")
async def agencies(conn: Conn) -> list[dict[str, Any]]:
    """Every agency with its official name of today and its earlier ones."""
    return [dict(row) for row in (await conn.execute(select(tables.agencies))).mappings()]


@router.get("/calendar", operation_id="calendar")
async def calendar(conn: Conn, year: int) -> dict[str, Any]:
    """The exceptions of a year, and until when the calendar is confirmed."""
    day = tables.calendar_days
    rows = await conn.execute(
        select(day).where(day.c.day.between(date(year, 1, 1), date(year, 12, 31))).order_by(day.c.day)
    )
    until = (await conn.execute(select(func.max(tables.calendars.c.confirmed_until)))).scalar_one()
    return {"confirmed_until": until, "days": [dict(row) for row in rows.mappings()]}


class Day(BaseModel):
    """One exception to the week."""

    day: date
    kind: Literal[DayKind.HOLIDAY, DayKind.MAKE_UP]
    name: str = Field(max_length=60)


class Confirmation(BaseModel):
    """A year as the State Council announced it."""

    year: int = Field(ge=2020, le=2100)
    days: list[Day]
    reason: str = Field(min_length=1, max_length=200)
    source: str = Field(default="国务院办公厅通知", max_length=200)


@router.post("/calendar/confirmations", operation_id="confirm_year")
async def confirm_year(given: Confirmation, conn: Conn, who: Who, shouhu: Shouhu) -> dict[str, int]:
    """The year is certain now: a new calendar, and every open deadline that it moves is recomputed for this reason."""
    require(who, Action.MANAGE_CALENDAR)
    if any(entry.day.year != given.year for entry in given.days):
        raise HTTPException(400)
    day = tables.calendar_days
    await conn.execute(delete(day).where(day.c.day.between(date(given.year, 1, 1), date(given.year, 12, 31))))
    rows = [
        {**entry.model_dump(), "kind": entry.kind.value, "source": given.source, "confirmed": True}
        for entry in given.days
    ]
    if rows:
        await conn.execute(insert(day), rows)
    newest = (
        await conn.execute(select(func.max(tables.calendars.c.version), func.max(tables.calendars.c.confirmed_until)))
    ).one()
    version = {
        "version": newest[0] + 1, "confirmed_until": max(newest[1], date(given.year, 12, 31)), "reason": given.reason,
        "set_by": who.person_id, "at": shouhu.ledger.clock(),
    }  # fmt: skip
    await conn.execute(insert(tables.calendars), version)
    return {"calendar_version": version["version"], "cases_moved": await _recompute(conn, shouhu, given.reason)}


async def _recompute(conn: Conn, shouhu: Service, reason: str) -> int:
    moved = 0
    case = tables.cases.c
    for row in (await conn.execute(select(case.id, case.progress).where(case.is_open).order_by(case.id))).all():
        if not any(
            not clock.spec.around_the_clock for _, _, clock in running_clocks(Progress.model_validate(row.progress))
        ):
            continue
        try:
            await shouhu.ledger.record(conn, row.id, c.RecomputeDeadlines(by=ENGINE, why=reason))
            moved += 1
        except Refused:
            continue
    return moved


class Callback(BaseModel):
    """What an agency's system says of a referral."""

    referral_id: str = Field(max_length=120)
    case_id: str = Field(max_length=80)
    verb: Literal["accept", "return", "decline", "complete", "fail"]
    reason: str | None = Field(default=None, max_length=40)
    note: str = Field(default="", max_length=20_000)


@router.post("/callbacks/{agency}", operation_id="callback")
async def callback(
    agency: Agency, request: Request, conn: Conn, shouhu: Shouhu, webhook_id: str = Header()
) -> dict[str, Any]:
    """Signed by the agency's system (Standard Webhooks); its id makes a repetition harmless."""
    endpoint = tables.endpoints.c
    secret = (await conn.execute(select(endpoint.secret).where(endpoint.agency == agency.value))).scalar_one_or_none()
    if secret is None:
        raise HTTPException(404)
    said = Callback.model_validate(verify(SecretStr(secret), request.headers, await request.body()))
    recorded = await shouhu.ledger.record(conn, said.case_id, _command(agency, said), key=f"callback:{webhook_id}")
    return {"version": recorded.version, "replayed": recorded.replayed}


def _command(agency: Agency, said: Callback) -> c.Command:
    head: dict[str, Any] = {"by": machine_of(agency), "referral_id": said.referral_id, "note": said.note}
    try:
        match said.verb:
            case "accept":
                return c.AcceptReferral(**head)
            case "complete":
                return c.CompleteReferral(**head)
            case "return":
                return c.ReturnReferral(**head, reason=ReturnReason(said.reason))
            case "decline":
                return c.DeclineReferral(**head, reason=DeclineReason(said.reason))
            case "fail":
                return c.FailReferral(**head, reason=FailReason(said.reason))
    except ValueError:
        raise HTTPException(422) from None
