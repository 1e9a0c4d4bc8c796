"""台账: the books of a body on the screen, taken along as Excel for a purpose, sent back as Excel and previewed before they count."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from app.api import approvals, communities, ledgers, sheets
from app.api.children import rules_of
from app.api.context import Conn, Shouhu
from app.api.edge import UPLOAD_LIMIT
from app.api.problems import Problem
from app.db.service import Service
from app.district import DESKS
from app.domain.access import DESK_STAFF, Actor
from app.domain.approvals import MOST_CHILDREN, Act, Reason
from app.domain.handing_in import MONTH, month_of, sees_every_office
from app.domain.ledgers import COLUMNS, RowsOf, Use
from app.domain.refusals import RefusalCode
from app.domain.sheet_columns import REGISTERING, SEEN, layout
from app.domain.sheets import UNDER_WAY, JobState, RowState, Step, as_typed, cells, is_compared
from app.domain.sight import HEADS
from app.domain.terms import Agency
from app.router import Router
from app.sheet_book import IMPORTS, streets
from app.web.forms import Form
from app.web.frame import STRICT, page
from app.web.staff import ENTRIES, MY_WORK, Entry, Signed, Unattended, person, show, works
from app.web.words import BETWEEN, Pair
from app.workbook import SIGNED

router = Router(include_in_schema=False)
BOOKS, SHEETS = "/books", "/sheets"
DUE = f"{BOOKS}/due"
KEEPERS = (Agency.COMM, Agency.STREET, Agency.SW, Agency.WF, Agency.EDU, Agency.SCHOOL)
"""Who keeps a book by the rules of the release; by others the page says so."""
DESK_NAMES = {desk.id: desk.name for desk in DESKS}
STEPS: Mapping[Step, Pair] = {
    Step.EXPORT: ("导出", "Export"),
    Step.PREVIEW: ("导入预检", "Import, preview"),
    Step.APPLY: ("导入", "Import"),
}
STATES: Mapping[JobState, tuple[str, Pair]] = {
    JobState.WAITING: ("x", ("排队中", "waiting")),
    JobState.RUNNING: ("x", ("处理中", "under way")),
    JobState.READY: ("a", ("待确认", "to be confirmed")),
    JobState.DONE: ("g", ("已完成", "done")),
    JobState.REFUSED: ("r", ("未接收", "not taken")),
    JobState.FAILED: ("r", ("失败", "failed")),
}
COUNTS: Mapping[str, Pair] = {
    **{state.value: (state.zh, state.en) for state in RowState},
    "children": ("儿童", "children"),
    "rows": ("行", "rows"),
}
NAMES: Mapping[str, Pair] = {
    column.code: (column.zh, column.en) for column in (*layout(COLUMNS, {}, cares=True), *REGISTERING, SEEN)
}
"""What columns of sheets are called, by their codes."""


ENDINGS = ("_date", "_on", "_due", "_visit", "_since", "id_no", "phone", "phones")
UNBROKEN = {
    "name",
    "sex",
    "age",
    "grade",
    "case_number",
    "open_cases",
    *(code for code in COLUMNS if code.endswith(ENDINGS)),
}
"""Columns whose values are read as one: days, numbers and words of a few characters."""


def _shown(who: Actor) -> bool:
    return works(who) and (who.agency in KEEPERS or sees_every_office(who))


ENTRIES.append(Entry(BOOKS, "台账", "Books", MY_WORK, _shown, place=3))


def months(this: str) -> list[str]:
    """This month and the eleven before it."""
    year, month = map(int, this.split("-"))
    back = [year * 12 + month - 1 - n for n in range(12)]
    return [f"{one // 12}-{one % 12 + 1:02}" for one in back]


def is_upload(path: str) -> bool:
    """Whether workbooks are sent there."""
    return path.startswith(f"{BOOKS}/")


@router.get(BOOKS)
async def listed(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, month: str = "") -> Response:
    """The books of the body, the person's own exports and imports, and exports in full that wait for a second person; for the district
    which offices have handed in the books of a month."""
    return await _listed(request, conn, who, shouhu, Form(), month if re.fullmatch(MONTH, month) else None)


@router.post(BOOKS)
async def decide(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """批准 or 驳回 of an export in full."""
    form = await Form.of(request)
    steps = {"approve": approvals.approve, "reject": approvals.reject}
    step = steps.get(form.one("verb"))
    if step is None:
        raise HTTPException(404)
    if await form.attempt(conn, lambda: step(form.one("one"), conn, who, shouhu)) is None:
        return await _listed(request, conn, who, shouhu, form)
    return RedirectResponse(BOOKS, 303, headers=STRICT)


async def _listed(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, form: Form, month: str | None = None
) -> Response:
    kinds, this = await ledgers.ledgers(conn, who, shouhu), month_of(shouhu.ledger.clock())
    offices = await ledgers.handed_in(conn, who, shouhu, month=month or this) if sees_every_office(who) else []
    facts = {
        "offices": offices, "handed": sum(one.fetched == one.books for one in offices), "month": month or this, "months": months(this),
        "desks": DESK_NAMES,
        "path": BOOKS, "kinds": kinds, "rows_of": {one.value: one for one in RowsOf}, "form": form, "enters": who.has(*DESK_STAFF),
        **await jobs_of(conn, who, shouhu), "asked": await asked_of(conn, who, shouhu), "decides": who.has(*HEADS),
        "is_own": partial(is_own, who),
    }  # fmt: skip
    return await show(request, conn, who, "books.html", facts, status=form.status)


async def asked_of(conn: AsyncConnection, who: Actor, shouhu: Service) -> list[approvals.ApprovalRow]:
    """Exports in full that wait for a second person, and those that were approved and may be made now. It opens the door: ask it last."""
    found = await approvals.approvals(conn, who, shouhu, waiting=False, cursor=None, limit=100)
    now = shouhu.ledger.clock()
    return [
        row for row in found.items
        if row.act is Act.EXPORT and row.rejected_at is None and row.used_at is None and row.expires_at > now
    ]  # fmt: skip


def is_own(who: Actor, row: approvals.ApprovalRow) -> bool:
    """Proposed in the very seat in which it is asked, where alone an approval holds."""
    return (row.person_id, row.behalf, row.desk) == (who.person_id, who.acting_for, who.desk)


@router.get(SHEETS)
async def fresh(request: Request, conn: Conn, who: Unattended, shouhu: Shouhu) -> Response:
    """The exports and imports alone, which the page asks for while one is under way; where the books of the month stand above them, that
    page is opened anew once all have ended: to load it again would send again what it answered."""
    facts = await jobs_of(conn, who, shouhu)
    told = page(request, "books_jobs.html", facts, live=True)
    at = urlsplit(request.headers.get("HX-Current-URL", ""))
    if at.path == DUE and not any(job.state in UNDER_WAY for job in facts["jobs"]):
        month = "".join(parse_qs(at.query).get("month", ()))
        told.headers["HX-Redirect"] = f"{DUE}?month={month}" if re.fullmatch(MONTH, month) else DUE
    return told


async def jobs_of(conn: AsyncConnection, who: Actor, shouhu: Service) -> dict[str, Any]:
    """The person's exports and imports, with the words for them."""
    made = await sheets.sheets(conn, who, cursor=None, limit=20)
    names = {one.id: (one.zh, one.en) for one in (await rules_of(conn, shouhu)).file.ledgers}
    return {
        "jobs": made.items, "names": names, "sheets": SHEETS, "steps": STEPS, "states": STATES, "under_way": UNDER_WAY,
        "uses": {use.value: use for use in Use}, "counted": COUNTS,
    }  # fmt: skip


@router.get(BOOKS + "/{code}")
async def book(
    code: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, month: str = "",
    unfinished: bool = False, community: str = "", cursor: str | None = None,
) -> Response:  # fmt: skip
    """A page of the book, masked; how it is taken along and how it is sent back. Visits of one month, or only whom somebody has to look at."""
    return await _book(
        request, conn, who, shouhu, code, Form(), cursor, month, unfinished=unfinished, community=community
    )


@router.post(BOOKS + "/{code}")
async def take(code: str, request: Request, shouhu: Shouhu) -> Response:
    """导出, the proposal to another person where so many children take two, or 导入, which is previewed before it counts; no
    connection to the database waits for what is sent or looked at."""
    async with shouhu.engine.begin() as conn:
        ledgers.book_of(await rules_of(conn, shouhu), await person(request, conn, shouhu), code)
    said = await request.form(max_files=1, max_part_size=UPLOAD_LIMIT)
    form = Form({name: [one for one in said.getlist(name) if isinstance(one, str)] for name in said})
    came = [one for one in said.getlist("workbook") if isinstance(one, UploadFile) and one.filename]
    sent = await _looked_at(form, came) if form.one("verb") == "import" else b""
    async with shouhu.engine.begin() as conn:
        return await _done(request, conn, await person(request, conn, shouhu), shouhu, code, form, sent)


async def _looked_at(form: Form, came: Sequence[UploadFile]) -> bytes:
    """What was sent; what is no workbook is said beside the field."""
    if not came:
        form.wrong("workbook", "请选择文件", "Please choose a file.")
        return b""
    sent = await came[0].read()
    try:
        await sheets.look_at(sent)
    except Problem as wrong:
        zh, _, en = wrong.title.partition(BETWEEN)
        form.wrong("workbook", zh, en)
    return sent


async def _done(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, code: str, form: Form, sent: bytes
) -> Response:
    ledgers.book_of(await rules_of(conn, shouhu), who, code)
    match form.one("verb"):
        case "import":
            done = await form.attempt(conn, lambda: _sent(conn, who, shouhu, code, sent))
        case "propose":
            done = await _proposed(form, conn, who, shouhu, code)
        case _:
            wanted = form.valid(sheets.Wanted, {"use": form.one("use"), "month": form.one("month")})
            step = wanted and (lambda: sheets.export_ledger(code, wanted, conn, who, shouhu))
            done = step and await form.attempt(conn, step, {RefusalCode.SECOND_PERSON_NEEDED: "use"})
    if done is None:
        seen, unfinished, community = form.one("shown"), bool(form.one("unfinished")), form.one("community")
        return await _book(
            request, conn, who, shouhu, code, form, None, seen, unfinished=unfinished, community=community
        )
    return RedirectResponse(f"{SHEETS}/{done.id}" if isinstance(done, sheets.SheetJob) else BOOKS, 303, headers=STRICT)


async def _sent(conn: AsyncConnection, who: Actor, shouhu: Service, code: str, sent: bytes) -> sheets.SheetJob:
    await sheets.require_sends(code, conn, who, shouhu)
    return await sheets.taken(code, sent, conn, who, shouhu)


async def _proposed(
    form: Form, conn: AsyncConnection, who: Actor, shouhu: Service, code: str
) -> approvals.ApprovalRow | None:
    wanted = form.valid(sheets.Wanted, {"use": form.one("use"), "month": form.one("month")})
    if not wanted:
        return None
    use = wanted.use.value if wanted.use else None
    named = sheets.parameters(code, use, wanted.month)
    asked = await asked_of(conn, who, shouhu)
    if any(row.parameters == named and is_own(who, row) and row.approved_at is None for row in asked):
        form.wrong("use", "已提请，待第二人批准", "It was proposed and waits for a second person.")
        return None
    said = {"act": Act.EXPORT, "parameters": named, "reason": use or Reason.OFFICE_WORK.value, "note": form.one("note")}
    proposed = form.valid(approvals.Proposed, said)
    return proposed and await form.attempt(conn, lambda: approvals.propose(proposed, conn, who, shouhu))


@router.get(BOOKS + "/{code}/template")
async def template(code: str, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """For people: as the API makes it."""
    return await sheets.ledger_template(code, conn, who, shouhu)


async def _book(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, code: str, form: Form, cursor: str | None,
    said: str, *, unfinished: bool, community: str,
) -> Response:  # fmt: skip
    month = said if re.fullmatch(MONTH, said) else None
    where = await communities.chosen(conn, who, community)
    found = await ledgers.read_ledger(
        code, conn, who, shouhu, month=month, unfinished=unfinished, community=where.asked, cursor=cursor, limit=50
    )
    ledger = ledgers.book_of(await rules_of(conn, shouhu), who, code).ledger()
    unplaced = await ledgers.unplaced_in(conn, who, ledger) if where.is_cut and not cursor else 0
    names = await streets(conn)
    columns = layout([column.code for column in found.columns], names)[1:]
    rows = [
        {"child": row["child_id"], "cells": [as_typed(cell) for cell in cells(columns, row, names)]}
        for row in found.rows
    ]
    back = months(month_of(shouhu.ledger.clock()))
    chosen = [*([f"month={month}"] if month else ()), *(["unfinished=true"] if unfinished else ())]
    facts = {
        "where": where, "unplaced": unplaced,
        "more": {**({"month": month} if month else {}), **({"unfinished": "true"} if unfinished else {})},
        "path": BOOKS, "book": found, "imports": IMPORTS[ledger.rows_of], "compares": is_compared(ledger.rows_of),
        "columns": columns, "rows": rows, "unbroken": UNBROKEN, "signed": SIGNED, "form": form, "uses": tuple(Use), "most": MOST_CHILDREN,
        "enters": who.has(*DESK_STAFF), "month": month, "unfinished": unfinished, "chosen": "&".join(chosen),
        "months": back if ledger.rows_of is RowsOf.VISITS else [], "opens": not ledger.reach.is_wide,
        "months_of": [(one, (one, one)) for one in back],
    }  # fmt: skip
    return await show(request, conn, who, "book.html", facts, status=form.status)


@router.get(SHEETS + "/{sheet_id}")
async def sheet(sheet_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """How far an export or import is; of an import what it would do, what is wrong in it, and what of it is not entered."""
    return await _sheet(request, conn, who, shouhu, sheet_id, Form())


@router.post(SHEETS + "/{sheet_id}")
async def confirm(sheet_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """确认导入."""
    form = await Form.of(request)
    if await form.attempt(conn, lambda: sheets.confirm_sheet(sheet_id, conn, who)) is None:
        return await _sheet(request, conn, who, shouhu, sheet_id, form)
    return RedirectResponse(f"{SHEETS}/{sheet_id}", 303, headers=STRICT)


@router.get(SHEETS + "/{sheet_id}/fresh")
async def fresh_sheet(sheet_id: str, request: Request, conn: Conn, who: Unattended, shouhu: Shouhu) -> Response:
    """The same without its frame, which the page asks for while it is under way."""
    return page(request, "sheet_job.html", await _facts(conn, who, shouhu, sheet_id, Form()), live=True)


async def _sheet(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, sheet_id: str, form: Form
) -> Response:
    return await show(
        request, conn, who, "sheet.html", await _facts(conn, who, shouhu, sheet_id, form), status=form.status
    )


async def _facts(conn: AsyncConnection, who: Actor, shouhu: Service, sheet_id: str, form: Form) -> dict[str, object]:
    job = await sheets.read_sheet(sheet_id, conn, who)
    books = {one.id: one.ledger().rows_of for one in (await rules_of(conn, shouhu)).file.ledgers}
    rows_of = books.get(job.book, RowsOf.CHILDREN)
    imports = IMPORTS.get(rows_of) if job.step is not Step.EXPORT else None
    what = ("与系统比对", "Comparison") if imports and is_compared(rows_of) else STEPS[job.step]
    facts = {"job": job, "what": what, "form": form, "path": BOOKS, "columns": NAMES, "imports": imports}
    return {**facts, **await jobs_of(conn, who, shouhu)}


@router.get(SHEETS + "/{sheet_id}/workbook")
async def workbook(sheet_id: str, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """For people: as the API hands it out, on record."""
    return await sheets.fetch_sheet(sheet_id, conn, who, shouhu)
