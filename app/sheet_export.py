"""A book as a workbook: read page by page in the sight of who asked, on record as it is read, stamped with who, when and why."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.ledgers import held, within
from app.db import tables
from app.db.audit import before_reading
from app.db.given import lines_with_given
from app.db.rules import Pack
from app.db.sheet_jobs import APPROVED, EXPORT, taken_alone
from app.domain.access import Actor
from app.domain.approvals import MOST_CHILDREN
from app.domain.determination import Category
from app.domain.handing_in import has_rows, is_of
from app.domain.ledgers import COLUMNS, Findings, Ledger, Line, Use, categories, lines, row
from app.domain.sheet_columns import KEY, layout
from app.domain.sheets import cells, heading
from app.domain.small_numbers import suppressed
from app.domain.unread import ORDER
from app.domain.working_time import BEIJING, day_of
from app.policy.basis import on_paper
from app.sheet_book import ABOUT, Called, Tell, called, stamp, streets, width
from app.workbook import MOST_ROWS, Book

PAGE = 500
FIGURES = "统计"


class SecondPersonNeeded(Exception):
    """So many children in full are not for one person to carry away; `children` are those that were counted."""

    def __init__(self, children: list[str]) -> None:
        super().__init__()
        self.children = children


class TooManyRows(Exception):
    """A sheet holds no more."""


class OtherBookUnderWay(Exception):
    """Another worker makes a book in full for the same natural person; this one comes after it."""


@dataclass
class Figures:
    """How many children of each category and grade stand in a book."""

    grades: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, line: Line) -> None:
        """One child; in each of its categories."""
        grade = COLUMNS["grade"].of(line) or "未评定"
        for code in categories(line.found) or ("",):
            self.grades[code, grade] += 1

    def rows(self, smallest: int) -> list[list[str | int | None]]:
        """With small numbers left out, and what would give them away."""
        codes, grades = ({key[n]: None for key in sorted(self.grades)} for n in (0, 1))
        table = {code: {grade: self.grades[code, grade] for grade in grades} for code in codes}
        shown = suppressed(table, smallest)
        head: list[str | int | None] = ["类别 category", *grades]
        less = f"<{smallest}"
        return [head] + [
            [Category(code).zh if code else "无类别", *(less if n is None else n for n in line.values())]
            for code, line in shown.items()
        ]


async def export(
    conn: AsyncConnection, rules: Pack, who: Actor, book: Any, job: Row[Any], now: datetime, path: Path, tell: Tell
) -> dict[str, int]:  # fmt: skip
    """Write the workbook; how many children and rows stand in it. Raises SecondPersonNeeded, TooManyRows,
    OtherBookUnderWay, AuditUnavailable."""
    ledger: Ledger = book.ledger()
    seen = ledger.for_sections(rules.file.seen_by(who.agency))
    codes, divisions = [column.code for column in seen], await streets(conn)
    columns, why = layout(codes, divisions), job.why
    person = await called(conn, who)
    made, counts, figures = Book(path, stamp(who, person, now, why)), Counter[str](), Figures()
    page = made.page(_name(ledger.zh), [width(columns[0]), 6, *(width(column) for column in columns[1:])])
    page.titled(_title(ledger, person, now, job.month))
    page.hide(0)  # the number by which an import finds a child is none that people read
    key, *heads = (heading(column) for column in columns)
    page.head([key, ORDER, *heads])
    reach, findings, today = within(who, ledger), Findings(rules), day_of(now)
    alone = APPROVED not in job.counts
    if alone:
        await _require_no_other(conn, who)
    taken, noted = await taken_alone(conn, who, now) if alone else set[str](), [*codes, *([] if alone else [APPROVED])]
    async for ids, done, total in pages(conn, reach):
        found = await held(conn, who, book, findings, ids, today)
        found = [line for line in found if has_rows(ledger.rows_of, line, job.month)]
        counts["children"] += len(found)
        children = [line.record.child_id for line in found]
        taken.update(children)
        if alone and len(taken) > MOST_CHILDREN:
            raise SecondPersonNeeded(sorted(taken))
        await before_reading(conn, who, EXPORT, f"ledger-{ledger.code}", noted, children=children, why=why)
        found = await lines_with_given(conn, who, rules, ledger, codes, found)
        for line in found:
            figures.add(line)
            for one in lines(ledger.rows_of, line):
                if not is_of(one, job.month):
                    continue
                counts["rows"] += 1
                if counts["rows"] > MOST_ROWS:
                    raise TooManyRows
                shown = row(codes, one, masked=why is None) | {KEY: line.record.child_id}
                key, *said = cells(columns, shown, divisions)
                page.add([key, counts["rows"], *said])
        await tell(done, total)
    page.filters(len(columns) + 1)
    statistics = made.page(FIGURES, [24] * 5)
    head, *table = figures.rows(rules.file.smallest_shown)
    statistics.head([str(name) for name in head])
    for one in table:
        statistics.add(one)
    made.facts(ABOUT, _about(ledger, who, person, now, why, job.month, counts["rows"]))
    made.close()
    return {**job.counts, **counts}


async def _require_no_other(conn: AsyncConnection, who: Actor) -> None:
    """One book at a time for a natural person, or two that are made at once would not count each other."""
    for account in sorted({who.person_id, *who.also}):
        mine = select(func.pg_try_advisory_xact_lock(func.hashtextextended(f"{EXPORT}:{account}", 0)))
        if not (await conn.execute(mine)).scalar_one():
            raise OtherBookUnderWay


async def pages(conn: AsyncConnection, reach: Any) -> AsyncIterator[tuple[list[str], int, int]]:
    """The ids of the children page by page, with how many are through after this page, of how many.

    Asked for once: who stands in a book takes several looks a child, and page after page would look at all of them each time.
    """
    child = tables.children.c
    query = select(child.id).where(reach).order_by(child.filed_at, child.id)
    ids = list((await conn.execute(query)).scalars())
    for at in range(0, len(ids), PAGE):
        yield ids[at : at + PAGE], min(at + PAGE, len(ids)), len(ids)


def _about(
    ledger: Ledger, who: Actor, person: Called, now: datetime, why: str | None, month: str | None, rows: int
) -> dict[str, str]:
    return {
        "台账 book": f"{ledger.zh} {ledger.en}",
        "月份 month": month or "",
        "依据 basis": "；".join(on_paper(ledger.basis)),
        "导出人 exported by": f"{person.name} {who.person_id}",
        "代行 on behalf of": who.acting_for or "",
        "单位 office": person.desk,
        "时间 at": f"{now.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
        "用途 purpose": f"{Use(why).zh} {Use(why).en}" if why else "未说明用途，姓名、证件、电话、住址等已遮蔽 masked",
        "行数 rows": str(rows),
        "须知 notice": "本表含儿童个人信息，仅供上述用途，导出与下载均已留痕。",
    }


def _title(ledger: Ledger, person: Called, now: datetime, month: str | None) -> str:
    """Whose book it is and of when, as it stands over it on paper."""
    of = f"{month.replace('-', '年')}月" if month else f"{now.astimezone(BEIJING):%Y年%m月%d日}"
    return f"{person.desk}{ledger.zh}（{of}）"


def _name(zh: str) -> str:
    """A sheet's name has 31 characters at most."""
    return zh[:31]
