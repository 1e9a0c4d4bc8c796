"""What registers say was given to children, beside the legs of their cases: by the desks whose children the reader keeps files of."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import String, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.entries import line, of_child, standing
from app.db.rules import Pack
from app.domain.access import Actor
from app.domain.child_record import ChildRecord
from app.domain.ledgers import Ledger, Line
from app.domain.registers import EndOfEntry
from app.domain.sight import keeps

GIVEN = ("services", "assistance", "pairings", "donations")
"""The registers whose entries are help that somebody gave to the child that they name."""


async def with_given(
    conn: AsyncConnection, who: Actor, rules: Pack, ledger: Ledger, codes: Collection[str], records: Sequence[ChildRecord]
) -> list[ChildRecord]:  # fmt: skip
    """These children with the help that is entered, the oldest first, where these columns of the book show it: of all of them by one
    statement, found by their marks, so no entry is opened. Whom an entry names is for the desk that keeps it and the street over its
    committees, so another body's help is told by none."""
    if not ledger.shows_given(codes):
        return list(records)
    registers = {one.code: one for one in rules.file.registers if one.code in GIVEN}
    services = {row.id: row.zh for row in rules.file.catalogue}
    marks = {of_child(conn, name): one.child_id for one in records for name in _names(one)}
    query = select(line.book, line.fields, line.marks).where(
        standing(), line.book.in_(registers), line.desk.in_(keeps(who)), line.marks.overlap(cast(list(marks), ARRAY(String))),
        func.coalesce(line.reason, "") != EndOfEntry.MISTAKE.value,
    )  # fmt: skip
    given = defaultdict[str, list[str]](list)
    for row in await conn.execute(query.order_by(line.at, line.id)):
        for child in {marks[mark] for mark in row.marks if mark in marks}:
            given[child].append(registers[row.book].said(row.fields, services))
    return [one.model_copy(update={"given": tuple(given[one.child_id])}) for one in records]


async def lines_with_given(
    conn: AsyncConnection, who: Actor, rules: Pack, ledger: Ledger, codes: Collection[str], some: Sequence[Line]
) -> list[Line]:  # fmt: skip
    """The same of children as a book asks of them."""
    records = await with_given(conn, who, rules, ledger, codes, [line.record for line in some])
    return [line._replace(record=record) for line, record in zip(some, records, strict=True)]


def _names(record: ChildRecord) -> set[str]:
    """All ids by which an entry may name the child."""
    return {*record.ids, *(name for _, case in record.cases for name in record.called_in(case))}
