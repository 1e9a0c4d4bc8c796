"""本月台账: every book that the office hands in for a month in one place: what stands in it, what to mend first, and the workbook."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api import approvals, ledgers, sheets
from app.api.context import Conn, Shouhu
from app.db.service import Service
from app.domain.access import DESK_STAFF, Actor
from app.domain.approvals import MOST_CHILDREN, Act, Reason
from app.domain.handing_in import MONTH, month_of
from app.domain.ledgers import RowsOf, Use
from app.domain.refusals import RefusalCode
from app.domain.sheets import Step
from app.domain.terms import Agency
from app.router import Router
from app.web.books import BOOKS, DESK_NAMES, DUE, asked_of, is_own, jobs_of, months
from app.web.forms import Form
from app.web.frame import STRICT
from app.web.staff import Signed, show

router = Router(include_in_schema=False)


@router.get(DUE)
async def due(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, month: str = "") -> Response:
    """The books of the month, each with what is missing, late or not verified in it."""
    return await _due(request, conn, who, shouhu, month if re.fullmatch(MONTH, month) else None, Form())


@router.get(f"{DUE}/workbooks")
async def workbooks(conn: Conn, who: Signed, shouhu: Shouhu, month: str = "") -> Response:
    """For people: all that were made, as the API hands them out, each on record."""
    return await sheets.fetch_month(conn, who, shouhu, month=month if re.fullmatch(MONTH, month) else None)


@router.post(DUE)
async def hand_in(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """导出上报 of one book or of all of them: a workbook in full each, for that purpose, on record; or its proposal to a second person, where
    so many children take two."""
    form = await Form.of(request)
    month, kinds = form.one("month"), [one.code for one in await ledgers.ledgers(conn, who, shouhu)]
    codes = kinds if form.one("one") == "all" else [one for one in kinds if one in form.one("one").split()]
    wanted = form.valid(sheets.Wanted, {"use": Use.HAND_IN.value, "month": month})
    if not codes:
        raise HTTPException(404)
    needing, asked = list[str](), await _waiting(conn, who, shouhu, month) if form.one("verb") == "propose" else {}
    for code in codes if wanted else ():
        each = Form()
        if code in asked:
            continue  # it waits already
        if form.one("verb") == "propose":
            await each.attempt(conn, lambda code=code: approvals.propose(_proposed(code, month), conn, who, shouhu))
        else:
            await each.attempt(conn, partial(sheets.export_ledger, code, wanted, conn, who, shouhu), _beside(code))
        needing += [code] if code in each.errors else []
        for name, words in each.errors.items():
            form.wrong(name or code, *words)
        form.status = max(form.status, each.status)
    if form.errors:
        return await _due(request, conn, who, shouhu, month if wanted else None, form, needing)
    return RedirectResponse(f"{DUE}?month={month}", 303, headers=STRICT)


def _proposed(code: str, month: str) -> approvals.Proposed:
    use = Use.HAND_IN.value
    named = sheets.parameters(code, use, month)
    return approvals.Proposed(act=Act.EXPORT, parameters=named, reason=Reason(use), note=f"{month} 台账上报")


def _beside(code: str) -> Mapping[RefusalCode, str]:
    return {RefusalCode.SECOND_PERSON_NEEDED: code}


async def _due(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, month: str | None, form: Form,
    needing: Sequence[str] = (),
) -> Response:  # fmt: skip
    this = month_of(shouhu.ledger.clock())
    month = month or this
    rows = await ledgers.due(conn, who, shouhu, month=month)
    if not rows:
        raise HTTPException(404)
    jobs = (await sheets.sheets(conn, who, cursor=None, limit=100)).items
    of_month = [one for one in jobs if one.step is Step.EXPORT and one.why == Use.HAND_IN and one.month == month]
    mine = {one.book: one for one in reversed(of_month)}
    shown, asked = await jobs_of(conn, who, shouhu), await _waiting(conn, who, shouhu, month)
    facts = {
        **shown, "path": DUE, "books": BOOKS, "rows": rows, "month": month, "months": months(this), "form": form,
        "mine": mine, "rows_of": {one.value: one for one in RowsOf}, "enters": who.has(*DESK_STAFF),
        "verifies": who.agency is Agency.STREET and who.has(*DESK_STAFF),
        "labels": {row.code: (row.zh, row.en) for row in rows}, "asked": asked, "desks": DESK_NAMES,
        "refused": [row.code for row in rows if row.code not in asked and (row.code in needing or is_for_two(row, mine.get(row.code)))],
    }  # fmt: skip
    return await show(request, conn, who, "books_due.html", facts, status=form.status)


def is_for_two(row: ledgers.LedgerDue, job: sheets.SheetJob | None) -> bool:
    """Whether it has more children than one person may carry away, by itself or, as its job found, with others of the day; what was made
    needs nobody any more."""
    if job is None:
        return row.children > MOST_CHILDREN
    return job.problem == RefusalCode.SECOND_PERSON_NEEDED


async def _waiting(conn: AsyncConnection, who: Actor, shouhu: Service, month: str) -> dict[str, approvals.ApprovalRow]:
    """By book, what the person has proposed to hand in of this month and a second person has not refused; it opens the door: ask it last."""
    asked = await asked_of(conn, who, shouhu)
    mine = [(str(row.parameters.get("ledger")), row) for row in asked if is_own(who, row)]
    return {code: row for code, row in mine if row.parameters == sheets.parameters(code, Use.HAND_IN.value, month)}
