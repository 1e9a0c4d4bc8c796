"""What a desk owes outside of cases: empty posts, books that differ and signals that wait, each on its clock until it is settled."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, not_, select, true

from app.api.answers import ETAG
from app.api.context import Conn, Shouhu, Who, at_desk_of, audit_read
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.api.work import IfMatch, Key, version_of
from app.db import tables
from app.db.alike import has_absorbed, on_file, unsealed
from app.db.child_records import own_id
from app.db.walls import open_door, stream_concerns
from app.domain.access import DESK_STAFF, Actor, scope
from app.domain.agreement import Differs
from app.domain.owed import BY_HAND, Matter, Settled, SettleOwed
from app.domain.policy import Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Role, Rung
from app.domain.typed import LongText
from app.domain.working_time import day_of, local_instant
from app.router import Router

router = Router(prefix="/v1/owed", tags=["owed"], route_class=StrictRoute)
owed = tables.owed.c
OF_CHILDREN = (Matter.BOOKS, Matter.HELP, Matter.DEPARTURE, Matter.DOUBLE)


class OwedRow(BaseModel):
    """One thing that is owed, in words; `subject` is a street, a community, a child, a signal, an entry or a case by its id;
    where two files may be one child's, `code` is the other's."""

    id: str = Field(examples=["owed-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11"])
    version: int
    matter: Matter
    code: str
    zh: str
    en: str
    basis: list[str]
    subject: str
    agency: Agency
    desk: str
    division: str
    opened_at: datetime
    due_at: datetime
    rung: Rung | None
    is_open: bool
    settled_at: datetime | None


class HowSettled(BaseModel):
    """Why the books are right as they stand or two files need not be compared, what was done to help a child, or who was asked to
    designate another body."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"how": "explained", "note": "已迁出本区，移交手续办理中"}}
    )

    how: Settled | None = Field(None, description="As the matter ends by hand, unless said.")
    note: LongText = Field(min_length=1)


class OwedAnswer(BaseModel):
    """It has ended."""

    id: str
    version: int
    how: Settled
    replayed: bool


class _Stored(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    version: int
    matter: Matter
    code: str
    subject: str
    agency: Agency
    desk: str
    division: str
    opened_at: datetime
    due_at: datetime
    rung: Rung | None
    is_open: bool
    settled_at: datetime | None

    @property
    def children(self) -> tuple[str, ...]:
        """Of whom it is; of parents who left it may be an entry that names none."""
        of = (self.subject, self.code) if self.matter is Matter.DOUBLE else (self.subject,)
        return tuple(one for one in of if not one.startswith("entry-")) if self.matter in OF_CHILDREN else ()

    def named(self, rules: Policy) -> OwedRow:
        zh, en, basis = self._said(rules)
        return OwedRow(**self.model_dump(), zh=zh, en=en, basis=list(basis))

    def _said(self, rules: Policy) -> tuple[str, str, tuple[str, ...]]:
        if self.matter is Matter.BOOKS:
            return Differs(self.code).zh, Differs(self.code).en, ("R015", "default")
        if self.matter is Matter.DOUBLE:
            return (
                "待核实的建档与另一街乡镇的档案可能是同一儿童",
                "a registration may be the same child's as a file in another street",
                ("R051", "default"),
            )
        if self.matter is Matter.SIGNAL:
            rule = rules.signals.get(self.code)
            return (rule.zh, rule.en, rule.basis) if rule else (self.matter.zh, self.matter.en, ("default",))
        if self.matter is Matter.HELP:
            words = "走访或预警核实发现儿童需要帮扶", "a visit or a verified warning found that the child needs help"
            return (*words, ("R055", "default"))
        if self.matter is Matter.DEPARTURE:
            words = "父母已外出，尚未作监护安排", "the parents have left, and nobody is arranged for the child"
            return (*words, ("R052", "default"))
        if self.matter is Matter.RECUSAL:
            return self.matter.zh, self.matter.en, ("default",)
        book, _, code = self.code.partition(":")
        register = rules.registers.get(book)
        expected = next((one for one in register.expects if one.code == code), None) if register else None
        return (
            (expected.zh, expected.en, expected.basis) if expected else (self.matter.zh, self.matter.en, ("default",))
        )


@router.get("", operation_id="owed")
async def all_owed(
    conn: Conn, who: Who, shouhu: Shouhu, matter: Matter | None = None,
    settled: Annotated[bool, Query(description="What has ended instead of what is open.")] = False,
    cursor: Cursor = None, limit: Limit = 50,
) -> Page[OwedRow]:  # fmt: skip
    """What the caller's desks owe, or all desks for those who oversee the district; the first due first."""
    query = select(tables.owed).where(seen_by(who), not_(owed.is_open) if settled else owed.is_open)
    query = query.where(owed.matter == matter.value) if matter else query
    page = await page_of(conn, who, query, _Stored, (owed.due_at, owed.id), cursor=cursor, limit=limit)
    await _on_record(conn, who, "owed", None, page.items)
    rules = await shouhu.ledger.current(conn, shouhu.ledger.clock())
    return Page(items=[_told(who, row).named(rules) for row in page.items], next=page.next)


async def _on_record(conn: Conn, who: Actor, action: str, owed_id: str | None, rows: Sequence[_Stored]) -> None:
    """What is owed for a child says something of it, though nobody is named."""
    if children := {child for row in rows for child in row.children}:
        await audit_read(conn, who, action, owed_id, ["matter"], children=sorted(children))


def _told(who: Actor, row: _Stored) -> _Stored:
    """When another desk's signal was decided is told by the day: its instant is that of the report that was made of it, and so whose."""
    if row.matter is not Matter.SIGNAL or row.settled_at is None or row.desk in (who.desk, *scope(who).desks):
        return row
    return row.model_copy(update={"settled_at": local_instant(day_of(row.settled_at), time())})


def seen_by(who: Actor) -> ColumnElement[bool]:
    """The desk, the street over its committees, and those who oversee the district; nothing of a case that names the caller, nor of
    a child whose case is about the caller; and two files in two streets are named to those alone who may compare them."""
    at_desk = at_desk_of(who, owed.desk) & (owed.matter != Matter.DOUBLE.value)
    sight = true() if who.oversees_district else at_desk
    return sight & ~stream_concerns(who, owed.id)


@router.get("/{owed_id}", operation_id="read_owed")
async def read_owed(owed_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> OwedRow:
    """One thing that is owed, open or settled."""
    row = (await conn.execute(select(tables.owed).where(owed.id == owed_id, seen_by(who)))).mappings().one_or_none()
    if row is None:
        raise Refused(RefusalCode.OWED_NOT_FOUND)
    found = _Stored.model_validate(dict(row))
    await _on_record(conn, who, "read_owed", owed_id, [found])
    rules = await shouhu.ledger.current(conn, shouhu.ledger.clock())
    return _told(who, found).named(rules)


@router.post("/{owed_id}/settle", operation_id="settle_owed", responses={200: {"headers": ETAG}})
async def settle(
    owed_id: str, given: HowSettled, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> OwedAnswer:  # fmt: skip
    """说明: somebody of the desk looked into it and says why the books are right, what was done to help a child, or which superior organ
    was asked to designate who handles a case. A post is filled in its register, care arranged there or at the watch, a signal decided."""
    asked = select(owed.matter, owed.subject, owed.code, owed.is_open)
    row = (await conn.execute(asked.where(owed.id == owed_id, seen_by(who)))).one_or_none()
    if row is None:
        raise Refused(RefusalCode.OWED_NOT_FOUND)
    matter = Matter(row.matter)
    how, compares = BY_HAND.get(matter), matter is Matter.DOUBLE and who.oversees_district
    if how is None or given.how not in (None, how) or not (compares or who.has(*DESK_STAFF, Role.AGENCY_HEAD)):
        raise Refused(RefusalCode.NOT_ALLOWED)
    await open_door(conn)
    if matter is Matter.DOUBLE and row.is_open and await _may_be_compared(conn, row.subject, row.code):
        raise Refused(RefusalCode.DOUBLES_NOT_COMPARED, children=(row.subject, row.code))
    command = SettleOwed(by=who, how=how, note=given.note)
    done = await shouhu.ledger.record(conn, owed_id, command, key=idempotency_key, expected=version_of(if_match))
    response.headers["ETag"] = f'"{done.version}"'
    return OwedAnswer(id=owed_id, version=done.version, how=how, replayed=done.replayed)


async def _may_be_compared(conn: Conn, one: str, other: str) -> bool:
    """Whether both are on file yet, by whatever name, and can be joined: then whoever compares them says so there. Asked behind the door."""
    child, both = tables.children.c, {await own_id(conn, one), await own_id(conn, other)}
    there = select(has_absorbed()).where(child.id.in_(both), on_file(), unsealed())
    kept = (await conn.execute(there)).scalars().all()
    return len(kept) == 2 and not all(kept)
