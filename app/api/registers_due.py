"""What is due in the registers: entries to be looked at again, and posts that stand empty."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from app.api.context import Conn, Shouhu, Who, audit_read
from app.api.strict import StrictRoute
from app.db import entries as kept
from app.db.walls import reaching
from app.domain.access import Actor
from app.domain.registers import Register, sight
from app.domain.typed import Instant
from app.router import Router

router = Router(prefix="/v1/registers", tags=["registers"], route_class=StrictRoute)
line = kept.line


class DueRow(BaseModel):
    """A review that is due, or a post without the entry that is expected."""

    what: Literal["review", "vacancy"]
    book: str = Field(description="The code of the register.")
    zh: str
    en: str
    desk: str
    division: str
    subject: str = Field(description="The entry to be reviewed, or the street, desk or entry that lacks one.")
    since: datetime | None
    basis: list[str]


@router.get("/due", operation_id="registers_due")
async def due(
    conn: Conn, who: Who, shouhu: Shouhu,
    by: Annotated[Instant | None, Query(description="What will be due by then; now where it is left out.")] = None,
) -> list[DueRow]:  # fmt: skip
    """Reviews that are due and posts that stand empty, for the desk that keeps the register and those who oversee it."""
    at = by or shouhu.ledger.clock()
    rows: list[DueRow] = []
    for register in (await shouhu.ledger.current(conn, at)).registers.values():
        seen = sight(who, register)
        if seen.nothing:
            continue
        await reaching(conn, books=[register.code, *(one.each for one in register.expects)])
        if register.expects and register.private:
            await audit_read(conn, who, "read_register", f"register-{register.code}", list(register.private))
        rows += [
            row for row in [*await _reviews(conn, who, register, at), *await _empty(conn, register)]
            if seen.shows_private(row.desk)
        ]  # fmt: skip
    return rows


async def _reviews(conn: Conn, who: Actor, register: Register, at: datetime) -> list[DueRow]:
    if register.review is None:
        return []
    seen = await kept.unconcerned(conn, who, register)
    query = kept.newest(line.book == register.code, seen, line.review_at <= at).order_by(line.review_at)
    return [
        DueRow(
            what="review", book=register.code, zh=register.zh, en=register.en, desk=row.desk, division=row.division,
            subject=row.id, since=row.review_at, basis=list(register.review.basis),
        )
        for row in await conn.execute(query)
    ]  # fmt: skip


async def _empty(conn: Conn, register: Register) -> list[DueRow]:
    if not register.expects:
        return []
    entries = await kept.entries_of(conn, kept.newest(line.book == register.code))
    found = [empty for expected in register.expects for empty in await kept.empty(conn, register, expected, entries)]
    return [
        DueRow(
            what="vacancy", book=register.code, zh=one.expected.zh, en=one.expected.en, desk=one.post.desk,
            division=one.post.division, subject=one.post.id, since=one.since, basis=list(one.expected.basis),
        )
        for one in found
    ]  # fmt: skip
