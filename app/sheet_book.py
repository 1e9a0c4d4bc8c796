"""What every sheet of a book has in common, and the empty one that an import wants: names, pick lists, notes and an example."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.domain.access import Actor
from app.domain.child_terms import Section
from app.domain.facts import BEIJING
from app.domain.ledgers import Ledger, Use
from app.domain.sheet_columns import JOINED, KEY, REGISTERING, SheetColumn, layout
from app.domain.sheets import heading
from app.workbook import PICKS, Book

ENTERED, NOTES_SHEET, EXAMPLE = "填报", "填表说明", "示例"
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
    return {"name": 14, "id_no": 22, KEY: 12}.get(column.code, 16)


def template(
    ledger: Ledger, seen: Sequence[Section], divisions: dict[str, str], now: datetime, path: Path, *, registers: bool,
    cares: bool,
) -> None:  # fmt: skip
    """What an import wants: names, pick lists, notes and an example; it holds nobody's data."""
    every = layout([c.code for c in ledger.for_sections(seen)], divisions, cares=cares)
    columns = [c for c in every if c.is_read]
    columns += REGISTERING if registers else ()
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
    for column in columns:
        notes.add((column.zh, column.en, column.note or "留空表示不变", JOINED.join(column.picks)))
    for column in every:
        if column not in columns:
            notes.add((column.zh, column.en, column.note, ""))
    for said in GUIDANCE:
        notes.add(("", "", said, ""))
    example = made.page(EXAMPLE, [width(column) for column in columns])
    example.head([heading(column) for column in columns])
    example.add([column.example for column in columns])
    picks = made.page(PICKS, [16] * len(columns))
    for n in range(longest):
        picks.add([column.picks[n] if n < len(column.picks) else "" for column in columns])
    made.close()


GUIDANCE = (
    "只读取“填报”表；“示例”“选项”不读取。 Only the first sheet is read.",
    "不导入的列如填有本台账以外的内容，预检时逐行说明，不会悄悄丢弃。 What is typed but not entered is said in the preview.",
    "留空的单元格不改变原值；遮蔽的值（含*）视为不变。 An empty or masked cell changes nothing.",
    "已有儿童按编号、身份证号，或姓名加出生日期对应；对应不到的由居住地的村（居）委会或街乡建档。",
    "有一行错误则整表不导入；错误在返回的表中标红并说明。 All rows or none.",
    "变更由街乡（镇）核实，需要时由区民政局审批后生效。",
)
