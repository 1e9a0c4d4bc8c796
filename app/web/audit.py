"""访问审计: who saw or changed what, when and why, for whoever reads the audit; odd hours are marked, each search is on record."""

from datetime import datetime, timedelta
from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import access_record, cases
from app.api.context import Conn, Shouhu, numbers_of
from app.db.service import Service
from app.domain.access import Action, Actor, may
from app.domain.case_no import number_in
from app.domain.ledgers import COLUMNS
from app.domain.working_time import BEIJING
from app.router import Router
from app.web.accesses import OUTCOMES, act, ground, seen, whole
from app.web.acts import ACTS
from app.web.forms import Form
from app.web.staff import ENTRIES, OVERSIGHT, Entry, Signed, show

router = Router(include_in_schema=False)
AUDIT = "/audit"
DAY_BEGINS, DAY_ENDS = 7, 20
"""Hours of Beijing outside of which a look is marked; default. Nobody is accused by it: who has the night desk works at night."""
ENTRIES.append(
    Entry(
        AUDIT,
        "访问审计",
        "Access audit",
        OVERSIGHT,
        lambda who: may(who, Action.READ_AUDIT).allowed,
        place=7,
    )
)


@router.get(AUDIT)
async def newest(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """What was done last."""
    return await _audit(request, conn, who, shouhu, Form())


@router.post(AUDIT)
async def search(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """What was sought; who and whom stand in no address."""
    return await _audit(request, conn, who, shouhu, await Form.of(request))


async def _audit(request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, form: Form) -> Response:
    given = {name: form.one(name) for name in ("person_id", "child_id", "stream_id", "action", "outcome")}
    if who.oversees_district and (number := number_in(given["stream_id"])) is not None:
        known = (await cases.list_cases(conn, who, shouhu, number=number, open_only=False)).items
        given["stream_id"] = known[0].id if known else given["stream_id"]
    given |= {"since": _day(form, "since"), "until": _day(form, "until", after=1)}
    asked = form.valid(access_record.Sought, given)
    page = None
    if asked:
        cursor = form.one("cursor") or None
        page = await form.attempt(conn, lambda: access_record.search_audit(asked, conn, who, cursor, 50))
    rows = page.items if page and who.oversees_district else []
    rules = (await shouhu.ledger.pack(conn, shouhu.ledger.policy)).file
    books = {one.id: (one.zh, one.en) for one in rules.ledgers}
    books |= {one.code: (one.zh, one.en) for one in (*rules.registers, *rules.rounds)}
    columns = {one.code: (one.zh, one.en) for one in COLUMNS.values()}
    columns |= {spec.code: (spec.zh, spec.en) for one in rules.registers for spec in one.fields}
    facts: dict[str, Any] = {
        "whole": lambda code: whole(code, books), "numbers": await numbers_of(conn, who, (row.stream_id for row in rows if row.stream_id)),
        "path": AUDIT, "form": form, "page": page, "acts": list(ACTS.items()), "act": act,
        "part": lambda code: seen(code, {**columns, **books}), "ground": ground, "outcomes": OUTCOMES,
        "unusual": _unusual, "sees_cases": who.oversees_district,
    }  # fmt: skip
    return await show(request, conn, who, "audit.html", facts, status=form.status)


def _day(form: Form, name: str, after: int = 0) -> str:
    """The beginning of a day in Beijing, or of the one after; what is no day stays as it is and is refused beside its field."""
    said = form.one(name)
    try:
        return (
            (datetime.fromisoformat(said).replace(tzinfo=BEIJING) + timedelta(days=after)).isoformat() if said else ""
        )
    except ValueError:
        return said


def _unusual(at: datetime) -> bool:
    """At night or at a weekend."""
    local = at.astimezone(BEIJING)
    return local.weekday() >= 5 or not DAY_BEGINS <= local.hour < DAY_ENDS
