"""The books that the notice asks for: read from the children's files by the body that keeps them, masked unless somebody says why not."""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, and_, any_, exists, func, or_, select, text, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.children import rules_of
from app.api.communities import UNPLACED, Community, placed_in
from app.api.context import Conn, Shouhu, Who, audit_read, unconcerned, visible
from app.api.pages import Cursor, Limit, Page, page_of, read_cursor
from app.api.problems import Problem
from app.api.strict import StrictRoute
from app.db import tables
from app.db.alike import waits_to_be_verified
from app.db.approvals import spend
from app.db.child_records import each_once, one_of, records_of, stamps_of
from app.db.given import lines_with_given
from app.db.rules import Pack
from app.db.suspects import with_suspects
from app.db.walls import child_concerns, reaching
from app.domain.access import STAFF, Actor
from app.domain.approvals import Act
from app.domain.child_shown import read_by
from app.domain.handing_in import MONTH, Share, Tally, is_of, month_of, needs_work, sees_every_office, share_of
from app.domain.ledgers import COLUMNS, Findings, Ledger, Line, Reach, Use, lines, row
from app.domain.opening import desk_of
from app.domain.refusals import RefusalCode, Refused
from app.domain.sheets import is_compared
from app.domain.sight import divisions, keeps, offices_of
from app.domain.terms import Agency
from app.domain.working_time import day_of
from app.router import Router

router = Router(prefix="/v1", tags=["ledgers"], route_class=StrictRoute)
PAGE = 200
LOOKED_AT = 500
"""Children that are looked at, page after page, before one without rows is shown: half a second of a book in which few stand."""


MOST_COUNTED = 2_000
"""Children of whom a month's books are counted at once; default."""
MOST_KEPT = 20_000
"""Children of whom it is remembered what they add to the books."""
Month = Annotated[str | None, Query(pattern=MONTH, description="Of visits those of this month, such as 2026-11.")]


class LedgerKind(BaseModel):
    """A book that the caller's body keeps."""

    code: str
    zh: str
    en: str
    basis: list[str]
    rows_of: str
    is_entered: bool = Field(
        description="Whether an import enters such rows; those of cases and benefits are only compared."
    )


class LedgerColumn(BaseModel):
    """One column by its official name."""

    code: str
    zh: str
    en: str


class LedgerGap(LedgerColumn):
    """A column that should not be empty, and of how many children it is."""

    children: int


class HandedIn(BaseModel):
    """Whether a desk has taken its book of the month along to be handed in: who did it last, when, and how many rows stood in it."""

    desk: str
    by: str | None = None
    at: datetime | None = None
    rows: int | None = None
    fetched_at: datetime | None = None
    """When the workbook was last fetched; until then it is made and no more."""


class LedgerDue(LedgerKind):
    """How a book stands for a month: what is in it, and what to mend before it is handed in."""

    month: str
    children: int
    rows: int
    unverified: int = Field(description="Children in whose file something waits for a second person.")
    ours: int = Field(description="Of these, children of whom the caller's desk is to verify something.")
    registered: int = Field(
        description="Children of the caller's street whose registration waits to be verified: they stand in no book yet."
    )
    late: int = Field(description="Children whose visit is overdue.")
    missing: list[LedgerGap]
    is_whole: bool = Field(description="Whether all children were counted, or only the first.")
    handed: list[HandedIn] = Field(description="Of the caller's desk, and for a street then of its committees.")


class OfficeHandedIn(BaseModel):
    """How far a desk is with the books that it hands in for a month."""

    desk: str
    agency: Agency
    division: str | None
    month: str
    books: int = Field(description="How many it keeps.")
    exported: int
    fetched: int = Field(description="Of these, those whose workbook was fetched.")
    missing: list[str] = Field(description="The codes of those of which no workbook was fetched.")
    last_at: datetime | None


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
    return [_kind(book) for book in mine]


def _kind(ledger: Ledger) -> LedgerKind:
    entered = not is_compared(ledger.rows_of)
    return LedgerKind(**ledger.model_dump(include={"code", "zh", "en", "basis", "rows_of"}), is_entered=entered)


@router.get("/ledgers/due", operation_id="ledgers_due")
async def due(conn: Conn, who: Who, shouhu: Shouhu, month: Month = None) -> list[LedgerDue]:
    """The books that the caller's body hands in for a month, this one where none is named: what stands in each, what is missing, late or
    not verified. Nobody is named, but a book of few tells of each, so whose files are gone through is on record."""
    rules, now = await rules_of(conn, shouhu), shouhu.ledger.clock()
    month = month or month_of(now)
    books = {book.ledger(): book for book in rules.file.ledgers if is_keeper(who, book.ledger())}
    codes = {one: [column.code for column in one.for_sections(rules.file.seen_by(who.agency))] for one in books}
    tallies, whole = {one: Tally() for one in books}, dict[Reach, bool]()
    findings, today = Findings(rules), day_of(now)
    of = (id(shouhu.engine), rules.version, *offices_of(who), today)
    for reach in dict.fromkeys(one.reach for one in books):
        same = {one: book for one, book in books.items() if one.reach is reach}
        first = next(iter(same))
        await reaching(conn, district=reach.is_wide)
        cursor, looked = None, 0
        while looked < MOST_COUNTED:
            chosen = await chosen_by_columns(conn, who, first, cursor, PAGE)
            ids = await those_within(conn, who, first, chosen)
            if ids:
                await audit_read(conn, who, "ledgers_due", None, [one.code for one in same], children=ids)
            for shares in await _shares_of(conn, who, (*of, reach), findings, same, codes, ids, today):
                for one in (one for one in same if one.code in shares):
                    tallies[one].add(shares[one.code], month, now, [who.desk])
            cursor, looked = chosen.next, looked + PAGE
            if cursor is None:
                break
        whole[reach] = cursor is None
    handed, waiting = await _handed(conn, month), await _unverified(conn, who)
    return [_due(one, tallies[one], month, waiting, whole[one.reach], _of_desks(who, one, handed)) for one in books]


async def _unverified(conn: AsyncConnection, who: Actor) -> int:
    """How many registrations of the caller's street wait."""
    file, child = tables.child_files.c, tables.children.c
    desks = [desk_of(Agency.STREET, division) for division in divisions(who)]
    if not desks:
        return 0
    query = select(func.count()).select_from(tables.children).join(tables.child_files, file.child_id == child.id)
    query = query.where(file.is_open, file.desks.contains(desks), waits_to_be_verified())
    return (await conn.execute(query)).scalar_one()


SHARES = OrderedDict[tuple[Any, ...], tuple[str, dict[str, Share]]]()
"""By service, rules, office, day, reach and child: the stamp of what was read, and by book what the child adds to it."""


async def _shares_of(
    conn: AsyncConnection, who: Actor, of: tuple[Any, ...], findings: Findings, books: Mapping[Ledger, Any],
    codes: Mapping[Ledger, Sequence[str]], ids: list[str], today: date,
) -> list[dict[str, Share]]:  # fmt: skip
    """What each of these children adds to the books in which it stands. It is worked out where something of the child has changed since
    the last time: a month's books are looked at again and again, and meanwhile few of thousands of children change."""
    stamps = await stamps_of(conn, ids, visible(who))
    found = {one: kept[1] for one in ids if (kept := SHARES.get((*of, one))) and kept[0] == stamps.get(one)}
    for line in await lines_of(conn, who, findings, [one for one in ids if one not in found], today):
        shown, child = line._replace(record=read_by(line.record, who)), line.record.child_id
        found[child] = {
            one.code: share_of(codes[one], one.rows_of, shown) for one, book in books.items() if book.holds(line)
        }
    for child, shares in found.items():
        SHARES[*of, child] = stamps.get(child, ""), shares
        SHARES.move_to_end((*of, child))
    while len(SHARES) > MOST_KEPT:
        SHARES.popitem(last=False)
    return list(found.values())


async def _handed(conn: AsyncConnection, month: str) -> dict[tuple[str, str], HandedIn]:
    """By desk and book, of the desks that the person keeps books of or oversees, whoever of them did it."""
    row = func.shouhu_handed(month).table_valued("desk", "book", "person_id", "at", "rows", "fetched_at").c
    query = select(row.desk, row.book, row.person_id, row.at, row.rows, row.fetched_at)
    return {
        (desk, book): HandedIn(desk=desk, by=person, at=at, rows=rows, fetched_at=fetched)
        for desk, book, person, at, rows, fetched in await conn.execute(query)
    }


def _of_desks(who: Actor, ledger: Ledger, handed: dict[tuple[str, str], HandedIn]) -> list[HandedIn]:
    kept = [desk for desk in keeps(who) if desk == who.desk or Agency.COMM in ledger.keepers]
    return [handed.get((desk, ledger.code)) or HandedIn(desk=desk) for desk in kept]


def _due(ledger: Ledger, tally: Tally, month: str, waiting: int, whole: bool, handed: list[HandedIn]) -> LedgerDue:
    missing = [
        LedgerGap(code=code, zh=COLUMNS[code].zh, en=COLUMNS[code].en, children=n)
        for code, n in tally.missing.most_common()
    ]
    return LedgerDue(
        **_kind(ledger).model_dump(), month=month, children=tally.children, rows=tally.rows,
        unverified=tally.unverified, ours=tally.ours, registered=waiting, late=tally.late, missing=missing, is_whole=whole, handed=handed,
    )  # fmt: skip


@router.get("/ledgers/handed-in", operation_id="ledgers_handed_in")
async def handed_in(conn: Conn, who: Who, shouhu: Shouhu, month: Month = None) -> list[OfficeHandedIn]:
    """For civil affairs and those who oversee the district: which offices have handed in the books of a month, this one where none is
    named, and which have not, streets first. Desks, books and times alone."""
    if not sees_every_office(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    month, rules = month or month_of(shouhu.ledger.clock()), await rules_of(conn, shouhu)
    books = [book.ledger() for book in rules.file.ledgers]
    desk, division = tables.desks.c, tables.divisions.c
    of_whole = select(division.code).where(division.kind == "district")
    query = select(desk.id, desk.agency, desk.division).where(
        or_(desk.division.is_(None), desk.division.not_in(of_whole))
    )
    query = query.where(desk.agency.in_({agency.value for one in books for agency in one.keepers}))
    rows = (await conn.execute(query.order_by(desk.division.is_(None), desk.division, desk.agency.desc()))).all()
    handed = await _handed(conn, month)
    return [
        _of_office(row, [one.code for one in books if Agency(row.agency) in one.keepers], handed, month) for row in rows
    ]


def _of_office(desk: Any, codes: list[str], handed: dict[tuple[str, str], HandedIn], month: str) -> OfficeHandedIn:
    made = {code: handed[desk.id, code] for code in codes if (desk.id, code) in handed}
    fetched = [code for code, one in made.items() if one.fetched_at]
    return OfficeHandedIn(
        desk=desk.id, agency=desk.agency, division=desk.division, month=month, books=len(codes), exported=len(made),
        fetched=len(fetched), missing=[code for code in codes if code not in fetched],
        last_at=max((one.at for one in made.values() if one.at), default=None),
    )  # fmt: skip


@router.get("/ledgers/{code}", operation_id="read_ledger")
async def read_ledger(
    code: str, conn: Conn, who: Who, shouhu: Shouhu, use: Use | None = None, month: Month = None,
    unfinished: Annotated[
        bool, Query(description="Only children of whom something is missing, late or not verified.")
    ] = False,
    community: Community = None, cursor: Cursor = None, limit: Limit = 50,
) -> LedgerPage:  # fmt: skip
    """A page of a book. Names and numbers are masked unless `use` says why they are needed, which is on record and takes two persons

    (`unmask_list` with the ledger and the use).
    """
    rules = await rules_of(conn, shouhu)
    book = book_of(rules, who, code)
    ledger = book.ledger()
    if use:
        await spend(conn, who, Act.UNMASK_LIST, {"ledger": code, "use": use.value}, shouhu.ledger.clock())
    columns = ledger.for_sections(rules.file.seen_by(who.agency))
    await reaching(conn, district=ledger.reach.is_wide)
    codes, why, rows = [column.code for column in columns], use.value if use else None, list[dict[str, Any]]()
    now, findings, looked = shouhu.ledger.clock(), Findings(rules), 0
    today = day_of(now)
    while not rows and looked < LOOKED_AT:
        chosen = await chosen_by_columns(conn, who, ledger, cursor, limit)
        ids = await those_within(conn, who, ledger, chosen, community)
        await audit_read(conn, who, "read_ledger", f"ledger-{code}", [code, *codes], children=ids, why=why)
        there = await held(conn, who, book, findings, ids, today)
        for line in await lines_with_given(conn, who, rules, ledger, codes, there):
            if unfinished and not needs_work(codes, line, now):
                continue
            of_month = (one for one in lines(ledger.rows_of, line) if is_of(one, month))
            made = (row(codes, one, masked=use is None) for one in of_month)
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
            last = read_cursor(conn, who, Listed, cursor, by) if cursor else (None, None)
            kept: Any = func.shouhu_book(*last, limit + 1).table_valued("id", "filed_at").c
            query, by, cursor = select(kept.id, kept.filed_at), (kept.filed_at, kept.id), None
        case Reach.CASES | Reach.SCREENED:
            of_case = child.case_id == any_(func.array(select(case.id).where(visible(who)).scalar_subquery()))
            query = query.where(or_(of_case, _screened(who)) if ledger.reach is Reach.SCREENED else of_case)
        case _:
            pass
    return await page_of(conn, who, query, Listed, by, cursor=cursor, limit=limit)


async def those_within(
    conn: AsyncConnection, who: Actor, ledger: Ledger, chosen: Page[Listed], community: str | None = None
) -> list[str]:
    """Of these, in their order, those whom the book reaches; of one community, where that is asked, by their watch or else their file."""
    child, ids = tables.children.c, [one.id for one in chosen.items]
    query = select(child.id).where(one_of(child.id, ids), within(who, ledger))
    if community:
        watched, filed = tables.watches.alias("placed"), tables.child_files.alias("filed")
        watch, file = watched.c, filed.c
        query = query.outerjoin(watched, watch.child_id == child.id).outerjoin(filed, file.child_id == child.id)
        query = query.where(await placed_in(conn, who, func.coalesce(watch.community, file.community), community))
    reached = set((await conn.execute(query)).scalars())
    return [one for one in ids if one in reached]


async def unplaced_in(conn: AsyncConnection, who: Actor, ledger: Ledger) -> int:
    """How many of the children out of whom the book is made are in no community's list, of the first MOST_COUNTED."""
    chosen = await chosen_by_columns(conn, who, ledger, None, MOST_COUNTED)
    return len(await those_within(conn, who, ledger, chosen, UNPLACED))


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
    every = await lines_of(conn, who, findings, ids, today)
    return [line._replace(record=read_by(line.record, who)) for line in every if book.holds(line)]


async def lines_of(
    conn: AsyncConnection, who: Actor, findings: Findings, ids: Collection[str], today: date
) -> list[Line]:
    """These children as a book asks of them, with what the body is not told."""
    records = await with_suspects(conn, who, await records_of(conn, ids, visible(who)))
    return [findings.line(record, today) for record in records]


def within(who: Actor, ledger: Ledger) -> ColumnElement[bool]:
    """Each child once, under the id of its watch, of those whom the book of this body reaches; nobody whose case is about the actor."""
    child, watch, case, file = tables.children.c, tables.watches.c, tables.cases.c, tables.child_files.c
    first = each_once()
    of_case = exists().where(case.id == child.case_id, visible(who))
    reached: ColumnElement[bool] = true()
    match ledger.reach:
        case Reach.KEPT:
            mine = and_(watch.desk.in_(keeps(who)), watch.progress["suspended_for"].astext.is_(None))
            joined = and_(file.merged_into == child.id, watch.child_id == file.child_id)
            watched = or_(exists().where(watch.child_id == child.id, mine), exists().where(joined, mine))
            reached = or_(watched, and_(of_case, child.division == who.division))
        case Reach.CASES:
            reached = of_case
        case Reach.SCREENED:
            reached = or_(of_case, _screened(who))
        case Reach.DISTRICT:
            pass
    return and_(first, reached, unconcerned(who, child.case_id), ~child_concerns(who, child.id))


def _screened(who: Actor) -> ColumnElement[bool]:
    """Whom the answers to rounds have named that the body holds or its units were asked in: each child whom they reported or registered.
    Schools share a desk: whoever is there for one of them reads of its own pupils."""
    event, asked, held, child = tables.events.c, tables.round_units.c, tables.rounds.c, tables.children.alias("named").c
    own = asked.unit.in_([who.desk, who.unit]) if who.unit else true()
    theirs = or_(held.organiser == who.agency.value, and_(asked.desk == who.desk, own))
    answers = (
        select(event.body)
        .join(tables.rounds, held.id == event.stream_id)
        .join(tables.round_units, and_(asked.round_id == held.id, asked.unit == event.body["unit"].astext))
        .where(event.kind == "unit_returned", theirs)
        .subquery()
    )
    reports, registered = (
        select(func.jsonb_array_elements_text(func.coalesce(answers.c.body[name], text("'[]'::jsonb"))))
        for name in ("reports", "registered")
    )
    named = select(func.shouhu_own_child(child.id)).where(or_(child.case_id.in_(reports), child.id.in_(registered)))
    return tables.children.c.id == any_(func.array(named.scalar_subquery()))
