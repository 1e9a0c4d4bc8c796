"""The books that the notice asks for: read from the children's files by the body that keeps them, masked unless somebody says why not."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, and_, any_, exists, false, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.children import concerned_by_joined, rules_of
from app.api.context import Conn, Shouhu, Who, audit_read, unconcerned, visible
from app.api.pages import Cursor, Limit, Page, page_of, read_cursor
from app.api.problems import Problem
from app.api.strict import StrictRoute
from app.db import tables
from app.db.approvals import spend
from app.db.child_records import each_once, one_of, records_of
from app.db.ledger import Pack
from app.db.walls import reaching
from app.domain.access import STAFF, Actor
from app.domain.approvals import Act
from app.domain.facts import BEIJING
from app.domain.ledgers import Findings, Ledger, Line, Reach, Use, lines, row
from app.domain.sight import keeps

router = APIRouter(prefix="/v1", tags=["ledgers"], route_class=StrictRoute)
LOOKED_AT = 500
"""Children that are looked at, page after page, before one without rows is shown: half a second of a book in which few stand."""


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
    """A page of a book, child by child; a page may be short, and empty where none of many children stands in the book; the last one says so."""

    model_config = ConfigDict(extra="forbid")

    code: str
    zh: str
    en: str
    basis: list[str]
    masked: bool
    columns: list[LedgerColumn]
    rows: list[dict[str, Any]] = Field(description="By the codes of the columns; `child_id` leads to the file.")
    next: str | None


class Listed(BaseModel):
    id: str
    filed_at: datetime


@router.get("/ledgers", operation_id="ledgers")
async def ledgers(conn: Conn, who: Who, shouhu: Shouhu) -> list[LedgerKind]:
    """The books that the caller's body keeps."""
    rules = await rules_of(conn, shouhu)
    mine = [book.ledger() for book in rules.file.ledgers if is_keeper(who, book.ledger())]
    return [LedgerKind(**book.model_dump(include={"code", "zh", "en", "basis", "rows_of"})) for book in mine]


@router.get("/ledgers/{code}", operation_id="read_ledger")
async def read_ledger(
    code: str, conn: Conn, who: Who, shouhu: Shouhu, use: Use | None = None, cursor: Cursor = None, limit: Limit = 50
) -> LedgerPage:
    """A page of a book. Names and numbers are masked unless `use` says why they are needed, which is on record and takes two persons

    (`unmask_list` with the ledger and the use).
    """
    rules = await rules_of(conn, shouhu)
    book = book_of(rules, who, code)
    ledger = book.ledger()
    if use:
        await spend(conn, who, Act.UNMASK_LIST, {"ledger": code, "use": use.value}, shouhu.ledger.clock())
    columns = ledger.for_sections(rules.file.seen_by(who.agency))
    await reaching(conn, district=ledger.reach is Reach.DISTRICT)
    codes, why, rows = [column.code for column in columns], use.value if use else None, list[dict[str, Any]]()
    today, findings, looked = shouhu.ledger.clock().astimezone(BEIJING).date(), Findings(rules), 0
    while not rows and looked < LOOKED_AT:
        chosen = await chosen_by_columns(conn, who, ledger, cursor, limit)
        ids = await those_within(conn, who, ledger, chosen)
        await audit_read(conn, who, "read_ledger", f"ledger-{code}", [code, *codes], children=ids, why=why)
        for line in await held(conn, who, book, findings, ids, today):
            made = (row(codes, one, masked=use is None) for one in lines(ledger.rows_of, line))
            rows += [{"child_id": line.record.child_id, **one} for one in made]
        cursor, looked = chosen.next, looked + limit
        if cursor is None:
            break
    return LedgerPage(
        **ledger.model_dump(include={"code", "zh", "en", "basis"}), masked=use is None, rows=rows, next=cursor,
        columns=[LedgerColumn(code=column.code, zh=column.zh, en=column.en) for column in columns],
    )  # fmt: skip


async def chosen_by_columns(
    conn: AsyncConnection, who: Actor, ledger: Ledger, cursor: str | None, limit: int
) -> Page[Listed]:
    """A page of those who may stand in the book, by columns that have an index: what costs several looks a child is asked of the page."""
    child, case, by = tables.children.c, tables.cases.c, (tables.children.c.filed_at, tables.children.c.id)
    query = select(child.id, child.filed_at)
    match ledger.reach:
        case Reach.KEPT if who.agency.is_territorial:
            last = read_cursor(cursor, by) if cursor else (None, None)
            kept: Any = func.shouhu_book(*last, limit + 1).table_valued("id", "filed_at").c
            query, by, cursor = select(kept.id, kept.filed_at), (kept.filed_at, kept.id), None
        case Reach.CASES:
            query = query.where(
                child.case_id == any_(func.array(select(case.id).where(visible(who)).scalar_subquery()))
            )
        case _:
            pass
    return await page_of(conn, query, Listed, by, cursor=cursor, limit=limit)


async def those_within(conn: AsyncConnection, who: Actor, ledger: Ledger, chosen: Page[Listed]) -> list[str]:
    """Of these, in their order, those whom the book reaches."""
    child, ids = tables.children.c, [one.id for one in chosen.items]
    reached = set((await conn.execute(select(child.id).where(one_of(child.id, ids), within(who, ledger)))).scalars())
    return [one for one in ids if one in reached]


def book_of(rules: Pack, who: Actor, code: str) -> Any:
    """The row of the pack, where the actor's body keeps this book; to all others there is none."""
    book = next((one for one in rules.file.ledgers if one.id == code), None)
    if book is None or not is_keeper(who, book.ledger()):
        raise Problem(404, "ledger_not_found", "没有此台账 · There is no such ledger.")
    return book


def is_keeper(who: Actor, ledger: Ledger) -> bool:
    """Whether the book is kept by the actor's body."""
    return who.agency in ledger.keepers and bool(keeps(who)) and who.has(*STAFF)


async def held(
    conn: AsyncConnection, who: Actor, book: Any, findings: Findings, ids: Collection[str], today: date
) -> list[Line]:
    """Of these children, those who stand in the book."""
    records = await records_of(conn, ids, visible(who))
    every = (Line(record=record, found=findings.of(record), today=today) for record in records)
    return [line._replace(record=line.record.told(who.agency)) for line in every if book.holds(line)]


def within(who: Actor, ledger: Ledger) -> ColumnElement[bool]:
    """Each child once, under the id of its watch, of those whom the book of this body reaches; nobody whose case is about the actor."""
    child, watch, case, file = tables.children.c, tables.watches.c, tables.cases.c, tables.child_files.c
    first = each_once()
    of_case = exists().where(case.id == child.case_id, visible(who))
    reached: ColumnElement[bool] = true()
    match ledger.reach:
        case Reach.KEPT:
            goes_on = or_(watch.is_open, watch.progress["suspended_for"].astext.is_(None))
            mine = and_(watch.desk.in_(keeps(who)), goes_on)
            joined = and_(file.merged_into == child.id, watch.child_id == file.child_id)
            watched = or_(exists().where(watch.child_id == child.id, mine), exists().where(joined, mine))
            here = child.division == who.division if who.division else false()
            reached = or_(watched, and_(of_case, here))
        case Reach.CASES:
            reached = of_case
        case Reach.DISTRICT:
            pass
    return and_(first, reached, unconcerned(who, child.case_id), ~concerned_by_joined(who, child.id))
