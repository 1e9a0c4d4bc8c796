"""What every sheet of a book has in common, and the empty one that an import wants: names, pick lists, notes and an example."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.domain.access import Actor
from app.domain.child_terms import Section
from app.domain.ledgers import Ledger, RowsOf, Use
from app.domain.sheet_columns import FINDS, JOINED, KEY, REGISTERING, SheetColumn, layout_of
from app.domain.sheets import heading, is_compared
from app.domain.unread import NOT_READ, OF_CHILD
from app.domain.working_time import BEIJING
from app.workbook import PICKS, Book

ENTERED, NOTES_SHEET, EXAMPLE, ABOUT = "填报", "填表说明", "示例", "说明"
Tell = Callable[[int, int], Awaitable[None]]
"""Told how many are through, of how many."""


class Called(NamedTuple):
    """What a person and the office are called; a code tells nobody to whom the sheet is handed."""

    name: str
    desk: str


async def called(conn: AsyncConnection, who: Actor) -> Called:
    """Of the one who acts, at the desk where they sit."""
    person, desk = tables.people.c, tables.desks.c
    name = (await conn.execute(select(person.name).where(person.id == who.person_id))).scalar_one_or_none()
    office = (await conn.execute(select(desk.name_zh).where(desk.id == who.desk))).scalar_one_or_none()
    return Called(name or who.person_id, office or who.agency.zh)


def stamp(who: Actor, called: Called, at: datetime, why: str | None) -> str:
    """Who has this, since when and for what."""
    said = Use(why).zh if why else "遮蔽"
    seat = f"{who.person_id}（代{who.acting_for}）" if who.acting_for else who.person_id
    return f"{seat} {called.name} {called.desk} {at.astimezone(BEIJING):%Y-%m-%d %H:%M} {said} 内部资料不得外传"


async def streets(conn: AsyncConnection) -> dict[str, str]:
    """The names of streets and towns by code."""
    division = tables.divisions.c
    query = select(division.code, division.name).where(division.kind != "district", division.valid_to.is_(None))
    return {row.code: row.name for row in await conn.execute(query.order_by(division.code))}


def width(column: SheetColumn) -> int:
    """So that what mostly stands there fits on one line or, where it is long, on a few."""
    return WIDTHS.get(column.code, 11)


WIDTHS = {
    "name": 13, "sex": 6, "age": 6, "birth_date": 11, "id_no": 20, KEY: 12, "phone": 13, "guardian_phones": 13, "delegate_phone": 13,
    "residence": 24, "hukou": 20, "school": 16, "health": 16, "categories": 16, "household": 24, "means.note": 24, "services": 26,
    "visit_note": 36, "needs": 16, "benefits": 18, "visits": 7, "open_cases": 16, "case_number": 16,
    "means.on_minimum_living": 7, "means.low_income": 7, "means.on_destitute_support": 8,
}  # fmt: skip


def template(
    ledger: Ledger, seen: Sequence[Section], divisions: dict[str, str], now: datetime, path: Path, *, registers: bool,
    cares: bool, communities: Collection[str] = (),
) -> None:  # fmt: skip
    """What an import wants: names, pick lists, notes and an example; it holds nobody's data."""
    every = layout_of(
        ledger.rows_of, [c.code for c in ledger.for_sections(seen)], divisions, cares=cares, communities=communities
    )
    columns = [c for c in every if c.is_used(ledger.rows_of)]
    columns += REGISTERING if registers and ledger.rows_of is RowsOf.CHILDREN else ()
    made = Book(path, f"{ledger.zh} 导入模板 {now.astimezone(BEIJING):%Y-%m-%d}")
    page = made.page(ENTERED, [width(column) for column in columns])
    page.head([heading(column) for column in columns])
    longest = max((len(column.picks) for column in columns), default=0)
    for n, column in enumerate(columns):
        if column.picks:
            page.choices(n, 1, len(column.picks))
        elif column.note:
            page.hint(n, column.zh, column.note)
    notes = made.page(NOTES_SHEET, (20, 20, 44, 60))
    notes.head(("列 column", "名称 name", "填写要求 what to write", "可选项 choices"))
    notes.add(("本表用途", "what this sheet does", " ".join(IMPORTS[ledger.rows_of]), ""))
    for column in columns:
        notes.add((column.zh, column.en, _note(column, ledger.rows_of), JOINED.join(column.picks)))
    for column in every:
        if column not in columns:
            notes.add(
                (column.zh, column.en, column.note if column.note.startswith(NOT_READ) else f"{NOT_READ}{OF_CHILD}", "")
            )
    for said in (*GUIDANCE, *GUIDANCE_OF[ledger.rows_of]):
        notes.add(("", "", said, ""))
    example = made.page(EXAMPLE, [width(column) for column in columns])
    example.head([heading(column) for column in columns])
    example.add([column.example for column in columns])
    picks = made.page(PICKS, [16] * len(columns))
    for n in range(longest):
        picks.add([column.picks[n] if n < len(column.picks) else "" for column in columns])
    made.close()


def _note(column: SheetColumn, rows_of: RowsOf) -> str:
    if is_compared(rows_of) and column.code not in (KEY, *FINDS):
        return "与系统比对，不导入" if column.note.startswith(NOT_READ) or not column.note else column.note
    return column.note or ("留空表示不变" if rows_of is RowsOf.CHILDREN else "可留空")


IMPORTS: Mapping[RowsOf, tuple[str, str]] = {
    RowsOf.CHILDREN: (
        "一行一名儿童：新增儿童建档，已有儿童变更，均由街乡（镇）核实后生效。",
        "One row a child: a new one is registered, what changed of another is entered; both go to be verified by the street.",
    ),
    RowsOf.VISITS: (
        "一行一次走访：登记为该儿童的走访，可为纳入监测之前的旧走访；同一儿童、日期、走访人为同一次，不会重复；当日已在走访页登记、结果相同的，走访人姓名不同也按同一次处理，并在返回的表中说明；结果不同的由填表人判断。未见到儿童本人的登记为未遇，不计走访次数。不改变儿童的信息。",
        "One row a visit that was made, also one from before the watch; the same child, day and visitor are the same visit, "
        "and so is one with the finding of a visit that was entered on the page on that day, whatever name the row has; the marked sheet "
        "says so, and of another finding a person decides. Who did not see the child made an attempt, which is no visit done. "
        "Nothing else of the child is entered.",
    ),
    RowsOf.CASES: (
        "一行一件个案：只与系统中的个案比对，不导入；不一致和没有的逐行返回。个案由报告产生。",
        "One row a case: it is compared with the record and never entered; what differs or is missing comes back row by row. "
        "A case begins with a report.",
    ),
    RowsOf.BENEFITS: (
        "一行一项待遇，没有待遇的儿童一行：只与系统中的待遇比对，不导入；不一致和没有的逐行返回。待遇由个案中的决定产生。",
        "One row a benefit, and one of a child that has none: it is compared with the record and never entered; what differs or is "
        "missing comes back row by row. A benefit comes of a decision in a case.",
    ),
}
"""What the rows of a sheet are for; the page of the book, its template and the marked sheet say the same."""
GUIDANCE = (
    "只读取“填报”表；“示例”“选项”不读取。 Only the first sheet is read.",
    "不导入的列如填有本台账以外的内容，预检时逐行说明，不会悄悄丢弃。 What is typed but not entered is said in the preview.",
)
ALL_OR_NONE = (
    "有一行错误则整表不导入；错误在返回的表中标红并说明。 All rows or none; the marked sheet says what is wrong."
)
GUIDANCE_OF: Mapping[RowsOf, Sequence[str]] = {
    RowsOf.CHILDREN: (
        "留空的单元格不改变原值；遮蔽的值（含*）视为不变。 An empty or masked cell changes nothing.",
        "已有儿童按编号、身份证号，或姓名加出生日期对应；对应不到的由居住地的村（居）委会或街乡建档。 "
        "A child is found by its number, its id number, or its name and birthday; whoever is not found is registered where it lives.",
        ALL_OR_NONE,
        "变更由街乡（镇）核实，需要时由区民政局审批后生效。 "
        "A change counts once the street has verified it and, where that is asked, the district approved.",
    ),
    RowsOf.VISITS: (
        "由走访该儿童的村（居）委会导入。 Sent by the committee that watches the child.",
        "早于最近走访的，不改变风险等级和下次期限；早于纳入监测之日的，不计入考核。 "
        "A visit older than the newest changes neither grade nor what is due next; one from before the watch counts in no scorecard.",
        ALL_OR_NONE,
    ),
    RowsOf.CASES: (),
    RowsOf.BENEFITS: (),
}
