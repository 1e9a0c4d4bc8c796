"""The books that the notice asks for: read from the children's files by the body that keeps them, masked unless somebody says why not."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true

from app.api.children import found_of, rules_of
from app.api.context import Conn, Shouhu, Who, audit_read, unconcerned, visible
from app.api.pages import Cursor, Limit, page_of
from app.api.problems import Problem
from app.api.strict import StrictRoute
from app.db import tables
from app.db.child_records import records_of
from app.db.walls import open_door
from app.domain.access import STAFF, Actor
from app.domain.facts import BEIJING
from app.domain.ledgers import Ledger, Line, Reach, Use, lines, row
from app.domain.sight import keeps

router = APIRouter(prefix="/v1", tags=["ledgers"], route_class=StrictRoute)


class LedgerKind(BaseModel):
    """A book that the caller's body keeps."""

    code: str
    zh: str
    en: str
    basis: list[str]
    rows_of: str


class LedgerColumn(BaseModel):
    """One column by its official name."""

    code: str
    zh: str
    en: str


class LedgerPage(BaseModel):
    """A page of a book, child by child; a page may be short, the last one says so."""

    model_config = ConfigDict(extra="forbid")

    code: str
    zh: str
    en: str
    basis: list[str]
    masked: bool
    columns: list[LedgerColumn]
    rows: list[dict[str, Any]] = Field(description="By the codes of the columns; `child_id` leads to the file.")
    next: str | None


class _Listed(BaseModel):
    id: str
    filed_at: datetime


@router.get("/ledgers", operation_id="ledgers")
async def ledgers(conn: Conn, who: Who, shouhu: Shouhu) -> list[LedgerKind]:
    """The books that the caller's body keeps."""
    rules = await rules_of(conn, shouhu)
    mine = [book.ledger() for book in rules.file.ledgers if _is_keeper(who, book.ledger())]
    return [LedgerKind(**book.model_dump(include={"code", "zh", "en", "basis", "rows_of"})) for book in mine]


@router.get("/ledgers/{code}", operation_id="read_ledger")
async def read_ledger(
    code: str, conn: Conn, who: Who, shouhu: Shouhu, use: Use | None = None, cursor: Cursor = None, limit: Limit = 50
) -> LedgerPage:
    """A page of a book. Names and numbers are masked unless `use` says why they are needed, which is on record."""
    rules = await rules_of(conn, shouhu)
    book = next((one for one in rules.file.ledgers if one.id == code), None)
    if book is None or not _is_keeper(who, ledger := book.ledger()):
        raise Problem(404, "ledger_not_found", "没有此台账 · There is no such ledger.")
    columns = ledger.for_sections(rules.file.seen_by(who.agency))
    await open_door(conn)  # a keeper need not see the case of each child; the reach of the book says whom it holds
    child = tables.children.c
    query = select(child.id, child.filed_at).where(_within(who, ledger), unconcerned(who, child.case_id))
    page = await page_of(conn, query, _Listed, (child.filed_at, child.id), cursor=cursor, limit=limit)
    fields, ids = [code, *(column.code for column in columns)], [one.id for one in page.items]
    why = use.value if use else None
    await audit_read(conn, who, "read_ledger", f"ledger-{code}", fields, children=ids, why=why)
    today, rows = shouhu.ledger.clock().astimezone(BEIJING).date(), []
    for record in await records_of(conn, ids, visible(who)):
        line = Line(record=record, found=found_of(rules, record), today=today)
        if book.holds(line):
            codes = [column.code for column in columns]
            made = (row(codes, one, masked=use is None) for one in lines(ledger.rows_of, line))
            rows += [{"child_id": record.child_id, **one} for one in made]
    return LedgerPage(
        **ledger.model_dump(include={"code", "zh", "en", "basis"}), masked=use is None, rows=rows, next=page.next,
        columns=[LedgerColumn(code=column.code, zh=column.zh, en=column.en) for column in columns],
    )  # fmt: skip


def _is_keeper(who: Actor, ledger: Ledger) -> bool:
    return who.agency in ledger.keepers and bool(keeps(who)) and who.has(*STAFF)


def _within(who: Actor, ledger: Ledger) -> ColumnElement[bool]:
    """Each child once, under the id of its watch, of those whom the book of this body reaches."""
    child, watch, case = tables.children.c, tables.watches.c, tables.cases.c
    reported = exists().where(
        case.id == child.case_id, case.progress["watch"].astext.is_(None), case.linked_to.is_(None)
    )
    verified = child.case_id.is_(None) & exists().where(watch.child_id == child.id)
    first = or_(reported, verified)
    of_case = exists().where(case.id == child.case_id, visible(who))
    match ledger.reach:
        case Reach.KEPT:
            watched = exists().where(watch.child_id == child.id, watch.desk.in_(keeps(who)))
            here = child.division == who.division if who.division else false()
            return and_(first, or_(watched, and_(of_case, here)))
        case Reach.CASES:
            return and_(first, of_case)
        case Reach.DISTRICT:
            return and_(first, true())
