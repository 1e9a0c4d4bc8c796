"""The books as Excel: a template, an export for a stated purpose, an import that is previewed before anybody confirms it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select

from app.api.children import rules_of
from app.api.context import Conn, Shouhu, Who, audit_read
from app.api.files import Sending
from app.api.ledgers import Month, book_of, chosen_by_columns, held, those_within
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.problems import Problem
from app.api.strict import StrictRoute
from app.db import sheet_jobs as jobs
from app.db.approvals import spend
from app.db.audit import REFUSED, before_reading, on_record
from app.db.communities import listed
from app.db.walls import open_door, reaching
from app.domain.access import DESK_STAFF, Actor
from app.domain.approvals import MOST_CHILDREN, Act
from app.domain.handing_in import MONTH, has_rows, month_of
from app.domain.ledgers import Findings, Use
from app.domain.refusals import RefusalCode, Refused
from app.domain.sheet_care import arranges
from app.domain.sheets import UNDER_WAY, JobState, Step
from app.domain.sight import divisions
from app.domain.working_time import BEIJING, day_of
from app.router import Router
from app.sheet_book import called, streets, template
from app.workbook import MEDIA_TYPE, Unreadable, check

router = Router(prefix="/v1", tags=["sheets"], route_class=StrictRoute)
UPLOAD = "/v1/sheets"
"""Where a workbook is sent."""
Book = Annotated[str, Query(max_length=40, description="The code of the book.", examples=["information"])]
LOOKED_AT = 500
"""Children that are looked at before an export in full is asked for; the job itself counts all of them."""
BINARY = {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
WORKBOOK: dict[int | str, dict[str, Any]] = {200: {"content": BINARY, "description": "A workbook of Excel."}}
ZIP = "application/zip"
ARCHIVE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
        "description": "Workbooks of Excel in a ZIP.",
    }
}
UNREADABLE = {
    "not_a_workbook": "不是有效的xlsx文件，或已加密 · This is no xlsx workbook, or it is encrypted.",
    "workbook_is_active": "文件含宏、外部链接或嵌入对象，不予接收 · Workbooks with macros, links or embedded objects are not taken.",
    "workbook_too_large": "文件过大，上限16 MiB · The workbook is too large.",
}
TITLES = {
    **UNREADABLE,
    "workbook_has_too_many_rows": "行数超过50,000，请分批 · There are more than 50,000 rows.",
    "workbook_has_other_columns": "没有可识别的列，请使用模板 · No column is known; use the template.",
    "sheet_has_errors": "有错误，整表未导入，请下载标红的表修改后重新上传 · Nothing was imported; the marked sheet says what to mend.",
    "sheet_only_compared": "此表只与系统比对，未导入；不一致和没有的见标注的表 · It was only compared with the record.",
    "sheet_guesses": "同一儿童有20行以上与系统不一致，整表未比对 · More than 20 rows of one child differ from the record; nothing was compared.",
    "second_person_needed": "超过50名儿童的台账（含遮蔽导出）须另一人批准后导出 · More than 50 children, masked too, need a second person.",
    "audit_unavailable": "访问无法留痕，未导出 · What cannot be put on record is not read.",
    "gave_up": "多次中断，已停止 · It was interrupted several times and was given up.",
    "process_ended": "处理进程意外终止 · The process ended unexpectedly.",
    "internal_error": "系统内部错误 · Something went wrong inside.",
    "not_allowed": "无权限 · You may not do this.",
    "ledger_not_found": "没有此台账 · There is no such ledger.",
}


class Wanted(BaseModel):
    """An export: masked, unless it says what the names and numbers are needed for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"use": "hand_in"}})

    use: Use | None = None
    month: str | None = Field(None, pattern=MONTH, description="Of visits those of this month, such as 2026-11.")


class SheetJob(BaseModel):
    """An export or import, and how far it is; `faults` are the first of a sheet that cannot be taken."""

    id: str
    step: Step
    book: str
    why: str | None
    month: str | None = None
    state: JobState
    percent: int
    done: int
    total: int
    counts: dict[str, int] = Field(
        description="Of an import, rows by what they would do: of children `new`, `changed`, `same`; of visits `visit`, `same`; of cases and "
        "benefits, which are compared and never entered, `agrees`, `differs`; of all `wrong`. Of an export, children and rows."
    )
    faults: list[dict[str, Any]]
    unread: list[dict[str, Any]] = Field(
        description="Of an import, columns in which cells say something that is not entered: how many, and why not."
    )
    problem: str | None
    title: str | None
    at: datetime
    ended_at: datetime | None
    kept_until: datetime = Field(description="Until then its workbook can be fetched, once there is one.")

    @model_validator(mode="before")
    @classmethod
    def _derived(cls, row: Any) -> Any:
        through = row["state"] in (JobState.DONE, JobState.READY)
        percent = 100 if through else min(100, 100 * row["done"] // max(row["total"], 1))
        kept_until = row["at"] + jobs.KEPT
        return {**row, "percent": percent, "title": TITLES.get(row["problem"] or ""), "kept_until": kept_until}


@router.get("/ledgers/{code}/template", operation_id="ledger_template", response_class=Response, responses=WORKBOOK)
async def ledger_template(code: str, conn: Conn, who: Who, shouhu: Shouhu) -> Response:
    """An empty sheet with the names of its columns, pick lists, notes and an example."""
    rules, now = await rules_of(conn, shouhu), shouhu.ledger.clock()
    ledger, names = book_of(rules, who, code).ledger(), await streets(conn)
    with tempfile.TemporaryDirectory(prefix="shouhu-sheet-") as place:
        path = Path(place) / "template.xlsx"
        sections = rules.file.seen_by(who.agency)
        own = tuple((await listed(conn, who.division)).values()) if who.division and divisions(who) else ()
        fills = {"registers": bool(divisions(who)), "cares": arranges(who)}
        await asyncio.to_thread(template, ledger, sections, names, now, path, **fills, communities=own)
        return Response(path.read_bytes(), media_type=MEDIA_TYPE, headers=_named(f"{ledger.zh}-模板"))


@router.post("/ledgers/{code}/exports", status_code=202, operation_id="export_ledger")
async def export_ledger(code: str, wanted: Wanted, conn: Conn, who: Who, shouhu: Shouhu) -> SheetJob:
    """Begins an export of the caller's book, on record before its workbook can be fetched; more than 50 children take two persons,
    masked or in full (`export` with the ledger, and the use and the month if any)."""
    rules = await rules_of(conn, shouhu)
    book = book_of(rules, who, code)
    now, why = shouhu.ledger.clock(), wanted.use.value if wanted.use else None
    counted = await _counted(conn, who, shouhu, rules, book, wanted.month)
    is_needed = len(counted) > MOST_CHILDREN
    try:
        approved = await _is_approved(conn, who, parameters(code, why, wanted.month), now, is_needed)
    except Refused as refusal:
        async with shouhu.engine.begin() as apart:  # the request's own transaction takes its rows along
            await open_door(apart)
            why = refusal.code.value
            known = sorted(counted)
            await on_record(
                apart, who, "ask_export", f"ledger-{code}", [code], children=known, why=why, outcome=REFUSED
            )
        raise
    asked = await jobs.ask(conn, Step.EXPORT, code, who, now, why=why, approved=approved, month=wanted.month)
    await on_record(conn, who, "ask_export", asked, [code], children=[], why=why)
    return await _job(conn, asked)


def parameters(code: str, use: str | None, month: str | None) -> dict[str, str | int]:
    """What an export is approved for: this book, masked or in full for this use, and of visits this month."""
    return {"ledger": code, **({"use": use} if use else {}), **({"month": month} if month else {})}


async def _is_approved(conn: Conn, who: Actor, asked: dict[str, str | int], now: datetime, is_needed: bool) -> bool:
    """Whether a second person stands behind it, which is spent; also where it is not needed by the children looked at, for the job
    counts all of them."""
    try:
        async with conn.begin_nested():
            await spend(conn, who, Act.EXPORT, asked, now)
    except Refused:
        if is_needed:
            raise
        return False
    return True


async def _counted(conn: Conn, who: Actor, shouhu: Shouhu, rules: Any, book: Any, month: str | None) -> set[str]:
    """The first children who have rows in the book, with those whom this person has carried away alone since yesterday; none where
    there cannot be so many that it takes two."""
    await reaching(conn, district=book.ledger().reach.is_wide)
    now = shouhu.ledger.clock()
    chosen = await chosen_by_columns(conn, who, book.ledger(), None, LOOKED_AT)
    ids, taken = await those_within(conn, who, book.ledger(), chosen), await jobs.taken_alone(conn, who, now)
    if len(taken.union(ids)) <= MOST_CHILDREN:
        return set()
    await before_reading(conn, who, "ask_export", f"ledger-{book.id}", [book.id], children=ids)
    lines = await held(conn, who, book, Findings(rules), ids, day_of(now))
    return taken.union(line.record.child_id for line in lines if has_rows(book.ledger().rows_of, line, month))


@router.post(
    "/sheets", status_code=202, operation_id="import_ledger",
    openapi_extra={"requestBody": {"required": True, "content": BINARY}},
)  # fmt: skip
async def import_ledger(sender: Sending, book: Book, request: Request, shouhu: Shouhu) -> SheetJob:
    """Takes a filled-in template of a book and previews what it would do; nothing is entered before it is confirmed."""
    async with sender.known() as (conn, who):
        await require_sends(book, conn, who, shouhu)
    sent = await request.body()
    await look_at(sent)
    async with sender.known() as (conn, who):
        return await taken(book, sent, conn, who, shouhu)


async def require_sends(book: str, conn: Conn, who: Actor, shouhu: Shouhu) -> None:
    """Whether this person may send in this book at all; nothing is read of others."""
    book_of(await rules_of(conn, shouhu), who, book)
    if not who.has(*DESK_STAFF):
        raise Refused(RefusalCode.NOT_ALLOWED)


async def look_at(sent: bytes) -> None:
    """Raises Problem unless it is a plain workbook of a bearable size."""
    try:
        await asyncio.to_thread(check, sent)
    except Unreadable as wrong:
        raise Problem(422, wrong.code, TITLES[wrong.code]) from None


async def taken(book: str, sent: bytes, conn: Conn, who: Actor, shouhu: Shouhu) -> SheetJob:
    """What was looked at waits to be previewed, on record."""
    asked = await jobs.ask(conn, Step.PREVIEW, book, who, shouhu.ledger.clock(), sent=sent)
    await on_record(conn, who, "import_ledger", asked, [book], children=[])
    return await _job(conn, asked)


@router.get("/sheets", operation_id="sheets")
async def sheets(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 50) -> Page[SheetJob]:
    """The caller's own exports and imports, newest first."""
    query = select(*jobs.SHOWN).where(jobs.job.person_id == who.person_id)
    by = (jobs.job.at, jobs.job.id)
    return await page_of(conn, who, query, SheetJob, by, cursor=cursor, limit=limit, newest_first=True)


@router.get("/sheets/{sheet_id}", operation_id="read_sheet")
async def read_sheet(sheet_id: str, conn: Conn, who: Who) -> SheetJob:
    """How far it is."""
    return await _job(conn, sheet_id, who)


@router.post("/sheets/{sheet_id}/confirm", status_code=202, operation_id="confirm_sheet")
async def confirm_sheet(sheet_id: str, conn: Conn, who: Who) -> SheetJob:
    """All rows of a preview without errors are entered, or none where something has changed meanwhile; a second time changes nothing."""
    job = await _job(conn, sheet_id, who)
    if job.step is Step.PREVIEW and not await jobs.again(conn, sheet_id, Step.APPLY):
        code = job.problem or "sheet_not_ready"
        raise Problem(409, code, TITLES.get(code, "尚未完成预检 · The preview is not there yet."))
    await on_record(conn, who, "confirm_sheet", sheet_id, [job.book], children=[])
    return await _job(conn, sheet_id, who)


@router.get(
    "/sheets/{sheet_id}/workbook", operation_id="fetch_sheet", response_class=StreamingResponse, responses=WORKBOOK
)
async def fetch_sheet(sheet_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> StreamingResponse:
    """The export, or the marked sheet of an import, for a day and in the seat in which it was asked; on record before its first byte
    leaves."""
    job = await _job(conn, sheet_id, who)
    part = jobs.part
    there = select(jobs.job.actor).join(jobs.sheet_parts, (part.job_id == jobs.job.id) & (part.name == jobs.MADE))
    asked = (await conn.execute(there.where(jobs.job.id == sheet_id).limit(1))).scalar_one_or_none()
    if asked is None or not Actor.model_validate(asked).is_in_seat_of(who):
        raise Problem(404, "sheet_not_found", NOT_FOUND)
    await audit_read(conn, who, "fetch_sheet", sheet_id, [job.book], children=[], why=job.why)

    async def body() -> AsyncIterator[bytes]:
        async with shouhu.engine.begin() as further:  # the request's own transaction has ended with its audit row
            await open_door(further)
            async for piece in jobs.pieces(further, sheet_id, jobs.MADE):
                yield piece

    books = {one.id: one.zh for one in (await rules_of(conn, shouhu)).file.ledgers}
    office = (await called(conn, who)).desk  # the district gets the same book of fifty offices
    return StreamingResponse(body(), media_type=MEDIA_TYPE, headers=_named(_called(office, books, job)))


@router.get("/ledgers/due/workbooks", operation_id="fetch_month", response_class=StreamingResponse, responses=ARCHIVE)
async def fetch_month(conn: Conn, who: Who, shouhu: Shouhu, month: Month = None) -> StreamingResponse:
    """Every workbook that the caller has made to hand in a month's books, this one where none is named, as one ZIP: of each book the newest,
    as it leaves by itself, for a day and in the seat in which it was asked; each on record before the first byte leaves. None while one of
    them is being made."""
    now, books = shouhu.ledger.clock(), {one.id: one.zh for one in (await rules_of(conn, shouhu)).file.ledgers}
    month, found = month or month_of(now), dict[str, SheetJob]()
    asked = select(*jobs.SHOWN, jobs.job.actor).where(
        jobs.job.person_id == who.person_id, jobs.job.at > now - jobs.KEPT, jobs.job.step == Step.EXPORT.value,
        jobs.job.why == Use.HAND_IN.value, jobs.job.month == month, jobs.job.state.not_in((JobState.FAILED, JobState.REFUSED)),
    )  # fmt: skip
    for row in (await conn.execute(asked.order_by(jobs.job.at.desc()))).mappings():
        if Actor.model_validate(row["actor"]).is_in_seat_of(who):
            found.setdefault(row["book"], SheetJob.model_validate(dict(row)))
    if any(one.state in UNDER_WAY for one in found.values()):
        raise Problem(
            404, "sheets_under_way", "台账正在生成，请稍后下载 · Workbooks are being made; fetch them in a moment."
        )
    made = [found[book] for book in books if book in found and found[book].state is JobState.DONE]
    if not made:
        raise Problem(404, "sheet_not_found", NOT_FOUND)
    for one in made:
        await audit_read(conn, who, "fetch_sheet", one.id, [one.book], children=[], why=one.why)
    office = (await called(conn, who)).desk
    named = {f"{_called(office, books, one)}.xlsx": one for one in made}
    headers = _named(f"{office}_台账上报_{month}_{now.astimezone(BEIJING):%Y%m%d-%H%M}", "zip")
    return StreamingResponse(_zipped(shouhu, named), media_type=ZIP, headers=headers)


async def _zipped(shouhu: Shouhu, named: Mapping[str, SheetJob]) -> AsyncIterator[bytes]:
    """Piece by piece, so that no workbook is held as a whole."""
    out = _Out()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, job in named.items():
            entry = ZipInfo(name, job.at.astimezone(BEIJING).timetuple()[:6])
            entry.compress_type = ZIP_DEFLATED
            async with shouhu.engine.begin() as conn:
                await open_door(conn)
                with archive.open(entry, "w") as book:
                    async for piece in jobs.pieces(conn, job.id, jobs.MADE):
                        book.write(piece)
                        yield out.taken()
    yield out.taken()


class _Out(bytearray):
    """What was written and not yet sent."""

    def write(self, some: bytes) -> int:
        self += some
        return len(some)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """There is nothing to close."""

    def taken(self) -> bytes:
        """All of it, once."""
        some = bytes(self)
        self.clear()
        return some


def _called(office: str, books: Mapping[str, str], job: SheetJob) -> str:
    of = f"_{job.month}" if job.month else ""
    return f"{office}_{books.get(job.book, job.book)}{of}_{job.at.astimezone(BEIJING):%Y%m%d-%H%M}"


NOT_FOUND = "没有此表，或已过一天 · There is no such sheet, or it is older than a day."


async def _job(conn: Conn, job_id: str, who: Actor | None = None) -> SheetJob:
    query = select(*jobs.SHOWN).where(jobs.job.id == job_id)
    query = query.where(jobs.job.person_id == who.person_id) if who else query
    row = (await conn.execute(query)).mappings().one_or_none()
    if row is None:
        raise Problem(404, "sheet_not_found", NOT_FOUND)
    return SheetJob.model_validate(dict(row))


def _named(name: str, ending: str = "xlsx") -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}.{ending}"}
