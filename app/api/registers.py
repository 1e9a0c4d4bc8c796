"""The registers: what the desks keep of budgets, staff, shelters and activities, with every change, and what is to be looked at again."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import ColumnElement, Numeric, Row, Select, and_, cast, func, or_, select

from app.api.answers import ETAG
from app.api.children import sighted
from app.api.context import Conn, Shouhu, Who, audit_read, is_kept, unconcerned, visible
from app.api.need import Asked, Lens, Opened, look, open_view
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.register_lines import EntryRow, Stored, children_of, open_books, telling
from app.api.strict import StrictRoute
from app.api.work import IfMatch, Key, version_of
from app.db import entries as kept
from app.db import tables
from app.db.owed import filled
from app.db.walls import open_door, reaching
from app.domain.access import Actor
from app.domain.policy import Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.registers import (
    SUMMED,
    EndOfEntry,
    Entry,
    FieldSpec,
    FieldType,
    Kind,
    Register,
    Review,
    ended,
    keeps,
    sight,
    written,
)  # fmt: skip
from app.domain.terms import Agency
from app.domain.typed import Instant
from app.router import Router

router = Router(prefix="/v1/registers", tags=["registers"], route_class=StrictRoute)
line = kept.line


class RegisterKind(BaseModel):
    """A register that the caller sees, with what stands in it."""

    code: str
    zh: str
    en: str
    keepers: list[Agency]
    basis: list[str]
    fields: list[FieldSpec]
    review: Review | None
    keeps: bool = Field(description="Whether the caller's desk writes in it.")


class Given(BaseModel):
    """The fields of an entry, as its register wants them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "fields": {"kind": "community", "title": "社区亲子阅读", "held_on": "2026-05-30", "children": 42}
            }
        },
    )

    fields: dict[str, Any] = Field(max_length=60)


class NewEntry(Given):
    """A new entry; a desk of the whole district may say for which street it is."""

    division: str | None = Field(default=None, max_length=9)


class EntryEnd(BaseModel):
    """Why an entry ends."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "over"}})

    reason: EndOfEntry


class Entered(BaseModel):
    """The line that a command has made."""

    id: str
    version: int
    review_at: datetime | None
    replayed: bool


class TotalRow(BaseModel):
    """How many entries stand in a street, and the sums of their numbers."""

    division: str
    entries: int
    sums: dict[str, float]


@router.get("", operation_id="registers")
async def registers(conn: Conn, who: Who, shouhu: Shouhu) -> list[RegisterKind]:
    """The registers that the caller keeps or reads."""
    rules = await shouhu.ledger.current(conn, shouhu.ledger.clock())
    return [
        RegisterKind(**{name: getattr(one, name) for name in RegisterKind.model_fields if name != "keeps"}, keeps=keeps(who, one))
        for one in rules.registers.values() if not sight(who, one).nothing
    ]  # fmt: skip


@router.get("/{code}/entries", operation_id="entries")
async def entries(
    code: str, conn: Conn, who: Who, shouhu: Shouhu, ended: bool = False, division: str | None = None,
    cursor: Cursor = None, limit: Limit = 100,
) -> Page[EntryRow]:  # fmt: skip
    """The entries that stand, or those that have ended; the newest first."""
    register = await _register(conn, shouhu, who, code)
    seen = await kept.seen(conn, who, register)
    query = kept.newest(line.book == code, seen, (line.kind == Kind.ENDED.value) == ended)
    query = query.where(line.division == division) if division else query
    page = await page_of(
        conn,
        who,
        query,
        Stored,
        (line.at, line.id),
        cursor=cursor,
        limit=limit,
        newest_first=True,
        of=kept.register_entries,
    )
    private = [row.private or {} for row in page.items]
    told = await telling(conn, who, register, private)
    if register.private:
        shown = [told.of(row.desk, fields) for row, fields in zip(page.items, private, strict=True)]
        children = await children_of(conn, who, register, shown)
        await audit_read(conn, who, "read_register", f"register-{code}", list(register.private), children=children)
    return Page(items=[told.masked(row) for row in page.items], next=page.next)


@router.get("/{code}/entries/{entry_id}", operation_id="entry_history")
async def history(code: str, entry_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[EntryRow]:
    """Every line of an entry, from the first; nothing is ever overwritten."""
    register = await _register(conn, shouhu, who, code)
    lines = await _lines(conn, who, register, entry_id)
    told = await telling(conn, who, register, [one.fields for one in lines])
    shown, lens = [told.of(one.desk, one.fields) for one in lines], Lens(True)
    if register.private:
        children = await children_of(conn, who, register, shown)
        asked = await look(
            conn, who, "read_register", f"register-{code}", list(register.private), children=children, view_of=entry_id
        )
        lens = asked if register.names_families else lens
    hides = any(
        spec.private and spec.type not in (FieldType.CHILD, FieldType.CASE) and spec.code in lines[-1].fields
        for spec in register.fields
    )
    masked = hides and register.names_families and not lens.full and told.shows_private(lines[-1].desk)
    return [
        EntryRow.model_validate({
            **one.model_dump(exclude={"book", "behalf", "fields"}), "masked": masked, "fields": lens(fields),
        })
        for one, fields in zip(lines, shown, strict=True)
    ]  # fmt: skip


@router.post("/{code}/entries/{entry_id}/full-view", status_code=201, operation_id="open_entry_in_full")
async def open_entry(code: str, entry_id: str, asked: Asked, conn: Conn, who: Who, shouhu: Shouhu) -> Opened:
    """The families in an entry by name, for some minutes, for whoever sees its private fields."""
    register = await _register(conn, shouhu, who, code)
    lines = await _lines(conn, who, register, entry_id)
    if not sight(who, register).shows_private(lines[-1].desk):
        raise Refused(RefusalCode.NOT_ALLOWED)
    fields, children = list(register.private), await children_of(conn, who, register, [one.fields for one in lines])
    made = await open_view(conn, who, entry_id, None, asked.need, asked.note, fields, "", children=children)
    return Opened(id=made.id, until=made.until, fields=fields)


@router.post("/{code}/entries", status_code=201, operation_id="add_entry", responses={201: {"headers": ETAG}})
async def add(
    code: str, given: NewEntry, conn: Conn, who: Who, shouhu: Shouhu, response: Response, idempotency_key: Key = None
) -> Entered:
    """A new entry of the caller's desk."""
    register = await _register(conn, shouhu, who, code)
    entry_id = kept.id_for(code, who, idempotency_key, uuid.uuid4().hex)
    division = given.division or who.division or await kept.district_of(conn)
    return await _write(conn, shouhu, who, register, entry_id, given, division, response, idempotency_key, None)


@router.post("/{code}/entries/{entry_id}/change", operation_id="change_entry", responses={200: {"headers": ETAG}})
async def change(
    code: str, entry_id: str, given: Given, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Entered:  # fmt: skip
    """All fields anew; the same again says that the entry was reviewed."""
    register = await _register(conn, shouhu, who, code)
    await _lines(conn, who, register, entry_id)
    return await _write(conn, shouhu, who, register, entry_id, given, "", response, idempotency_key, if_match)


@router.post("/{code}/entries/{entry_id}/end", operation_id="end_entry", responses={200: {"headers": ETAG}})
async def end(
    code: str, entry_id: str, given: EntryEnd, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Entered:  # fmt: skip
    """The entry holds no longer; its history stays."""
    register = await _register(conn, shouhu, who, code)
    await kept.holding(conn, entry_id)
    lines, asked = await _lines(conn, who, register, entry_id), {"end": given.reason}
    if first := await kept.replayed(conn, lines, who, idempotency_key, asked):
        return _entered(first, response, replayed=True)
    kept.require_current(lines, version_of(if_match))
    last = ended(register, lines[-1], given.reason, who, shouhu.ledger.clock())
    await open_door(conn)
    await kept.append(conn, register, last, who, idempotency_key, asked)
    return _entered(last, response)


@router.get("/{code}/totals", operation_id="register_totals")
async def totals(
    code: str, conn: Conn, who: Who, shouhu: Shouhu, field: str | None = None, value: str | None = None,
    as_of: Annotated[Instant | None, Query(description="Any instant; the past as it stood then.")] = None,
) -> list[TotalRow]:  # fmt: skip
    """By street: how many entries stood, and what their numbers add up to; where asked, only of one code of a field."""
    register = await _register(conn, shouhu, who, code)
    summed = [spec.code for spec in register.fields if spec.type in SUMMED and not spec.private]
    sums = [func.coalesce(func.sum(cast(line.fields[name].astext, Numeric)), 0).label(name) for name in summed]
    query = select(line.division, func.count().label("_entries"), *sums).where(
        kept.standing(as_of or shouhu.ledger.clock()), line.book == code, await kept.seen(conn, who, register),
        line.kind != Kind.ENDED.value,
    )  # fmt: skip
    if field is not None:
        public = field if field not in register.private else ""
        query = query.where(line.fields[public].astext == (value or ""))
    rows = await conn.execute(query.group_by(line.division).order_by(line.division))
    return [
        TotalRow(division=row.division, entries=row._entries, sums={name: getattr(row, name) for name in summed})
        for row in rows
    ]


async def _register(conn: Conn, shouhu: Shouhu, who: Actor, code: str) -> Register:
    register = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).registers.get(code)
    if register is None or sight(who, register).nothing:
        raise Refused(RefusalCode.REGISTER_NOT_FOUND)
    await open_books(conn, who, register)
    return register


async def _lines(conn: Conn, who: Actor, register: Register, entry_id: str) -> list[Entry]:
    lines = await kept.lines_of(conn, entry_id, line.book == register.code, await kept.seen(conn, who, register))
    if not lines:
        raise Refused(RefusalCode.ENTRY_NOT_FOUND)
    return lines


async def _write(
    conn: Conn, shouhu: Shouhu, who: Actor, register: Register, entry_id: str, given: Given, division: str,
    response: Response, key: str | None, if_match: str | None,
) -> Entered:  # fmt: skip
    await kept.holding(conn, entry_id)
    lines, asked = await kept.lines_of(conn, entry_id), given.model_dump(mode="json")
    if first := await kept.replayed(conn, lines, who, key, asked):
        return _entered(first, response, replayed=True)
    if lines:
        kept.require_current(lines, version_of(if_match))
    now = shouhu.ledger.clock()
    rules = await shouhu.ledger.current(conn, now)
    try:
        entry = written(
            register, lines[-1] if lines else None, entry_id, given.fields, division, who, now, rules.calendar
        )
    except ValidationError as wrong:
        raise _misplaced({**fault, "loc": ("body", "fields", *fault["loc"])} for fault in wrong.errors()) from None
    await _require_known(conn, who, rules, entry, lines[-1].fields if lines else {})
    await kept.append(conn, register, entry, who, key, asked)
    await filled(conn, shouhu.ledger, register, entry, who, now)
    return _entered(entry, response)


def _misplaced(faults: Any) -> RequestValidationError:
    return RequestValidationError(list(faults))


async def _require_known(
    conn: Conn, who: Actor, rules: Policy, entry: Entry, before: Mapping[str, Any]
) -> None:  # fmt: skip
    """What an entry names has to be there, and be seen by whoever names it; a child or case that it named before may be out of sight by now."""
    faults = []
    await open_door(conn)  # the desk that watches a child need not see its case
    if not await conn.scalar(select(tables.divisions.c.code).where(tables.divisions.c.code == entry.division)):
        faults.append(_unknown("division"))
    for spec in rules.registers[entry.book].fields:
        named = entry.fields.get(spec.code)
        if spec.type in (FieldType.CASE, FieldType.CHILD, FieldType.PERSON) and named == before.get(spec.code):
            continue
        if named is not None and not await _is_known(conn, who, rules, spec, named):
            faults.append(_unknown("fields", spec.code))
    if faults:
        raise _misplaced(faults)


def _unknown(*place: str) -> dict[str, Any]:
    return {"type": "unknown_reference", "loc": ("body", *place), "msg": "没有此编号 · There is nothing of this id."}


async def _is_known(conn: Conn, who: Actor, rules: Policy, spec: FieldSpec, named: Any) -> bool:
    child, case = tables.children.c, tables.cases.c
    match spec.type:
        case FieldType.CASE:
            query = select(case.id).where(case.id == named, nameable(who))
        case FieldType.CHILD:
            query = select(child.id).where(child.id == named, sighted(who))
        case FieldType.ENTRY:
            query = kept.newest(line.id == named, line.book == spec.book, line.kind != Kind.ENDED.value)
            query = query.where(await kept.seen(conn, who, rules.registers[spec.book]))
        case FieldType.SERVICE:
            return named in rules.catalogue
        case FieldType.PERSON:
            query = colleagues(who).where(tables.people.c.id == named)
        case _:
            return True
    return (await conn.execute(query)).first() is not None


def colleagues(who: Actor) -> Select[Any, Any]:
    """Accounts that an entry may name, with what they are called: of a street with its committee those of both, else of the own desk."""
    person = tables.people.c
    own = and_(person.division == who.division, person.agency.in_([Agency.STREET.value, Agency.COMM.value]))
    here = own if who.agency.is_territorial and who.division else person.desk == who.desk
    return select(person.id, person.name).where(person.is_active, here).order_by(person.id)


def nameable(who: Actor) -> ColumnElement[bool]:
    """Cases that an entry may name: those in sight, and those that the caller's own unit or desk has reported, whoever works on them."""
    case = tables.cases.c
    own = and_(case.reporter_unit == (who.unit or who.desk), unconcerned(who, case.id))
    return and_(or_(visible(who), own), is_kept())


async def called(
    conn: Conn, who: Actor, *, number: int | None = None, ids: Sequence[str] = ()
) -> Sequence[Row[Any, Any, Any]]:
    """Those of a running number, or of these ids, with what they are called and nothing else of them."""
    case = tables.cases.c
    asked = case.id.in_(ids) if number is None else case.number == number
    await open_door(conn)  # what a desk has reported may be behind its wall
    rows = (await conn.execute(select(case.id, case.number, case.filed_at).where(asked, nameable(who)))).all()
    await reaching(conn)
    return rows


def _entered(entry: Entry, response: Response, *, replayed: bool = False) -> Entered:
    response.headers["ETag"] = f'"{entry.version}"'
    return Entered(id=entry.id, version=entry.version, review_at=entry.review_at, replayed=replayed)
