"""Screening rounds: what a unit is asked and answers, and how many have answered, unit by unit."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    ColumnElement,
    Numeric,
    String,
    and_,
    any_,
    cast,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, JSONPATH

from app.api.answers import ETAG
from app.api.children import sighted
from app.api.context import Conn, Shouhu, Who, audit_read
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.api.work import IfMatch, Key, version_of
from app.db import tables
from app.db.child_records import records_of
from app.db.rounds import begin_round, due_then, found_twice, report_all
from app.db.walls import open_door
from app.domain.access import Actor
from app.domain.child_file import PREFIX
from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField
from app.domain.identity import mask_name
from app.domain.masking import mask_birth_date
from app.domain.policy import RoundSpec
from app.domain.refusals import RefusalCode, Refused
from app.domain.rounds import Asked, ReturnRound, follows, organises
from app.domain.sight import divisions, registers_pupils
from app.domain.submission import Submission
from app.domain.terms import Agency
from app.domain.typed import Instant
from app.domain.working_time import BEIJING

router = APIRouter(prefix="/v1/rounds", tags=["rounds"], route_class=StrictRoute)
one, unit, child = tables.rounds.c, tables.round_units.c, tables.children.c
AsOf = Annotated[Instant | None, Query(description="Any instant; the past as it stood then.")]


class RoundRow(BaseModel):
    """A round with how many have answered."""

    id: str
    code: str
    zh: str
    en: str
    basis: list[str]
    organiser: Agency
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    is_open: bool
    version: int
    asked: int
    returned: int
    rate: float | None = Field(description="Null while it runs and is not due: nobody is late yet.")
    screened: int
    found: int


class UnitRow(BaseModel):
    """What one unit owes in a round, and what it has answered."""

    round_id: str
    unit: str
    desk: str
    due_at: datetime
    returned_at: datetime | None = Field(description="To others than the unit itself, the day.")
    late: bool
    screened: int
    found: int
    joined: list[Agency]


class AskedRow(UnitRow):
    """The same with what is asked; `version` is that of the round."""

    code: str
    version: int
    zh: str = ""
    en: str = ""
    basis: list[str] = []


class RateRow(BaseModel):
    """How one unit has answered the rounds of a kind that were due or over; its data are as old as its last answer."""

    unit: str
    desk: str
    asked: int
    returned: int
    on_time: int
    rate: float | None = Field(description="Null where none of them was due or over.")
    last_returned_at: datetime | None
    running: bool | None = Field(
        None,
        description="Whether it has answered the round that runs and is not due yet, which is not counted; null where none runs.",
    )


class NewRound(BaseModel):
    """A round out of its turn."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "community_survey"}})

    code: str = Field(max_length=40)


class Answer(BaseModel):
    """A unit's answer: what it looked at, each child for whom it reports and each that it has registered; that nothing was found is
    said in so many words."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"unit": "COMM-110106007", "screened": 312, "nothing_found": True, "joined": ["WF"]}
        },
    )

    unit: str = Field(max_length=80)
    screened: int = Field(ge=0, le=10**6)
    nothing_found: bool = False
    reports: list[Submission] = Field(default_factory=list, max_length=50)
    registered: list[Annotated[str, Field(max_length=80)]] = Field(
        default_factory=list, max_length=50,
        description="Children whom it found and registered, for whom nothing is to be reported: those of /registered.",
    )  # fmt: skip
    joined: list[Agency] = Field(default_factory=list, max_length=10)
    note: str = Field("", max_length=20_000)


class RegisteredChild(BaseModel):
    """A child on file whom nobody has reported; masked."""

    child_id: str
    name: str
    birth_date: str
    registered_at: datetime


class Filed(BaseModel):
    """A report that the answer became."""

    case_id: str
    receipt: str


class AnswerTaken(BaseModel):
    """The answer is kept; what it listed is reported."""

    round_id: str
    version: int
    is_open: bool
    replayed: bool
    reports: list[Filed]


@router.get("", operation_id="rounds")
async def rounds(
    conn: Conn, who: Who, shouhu: Shouhu, code: str | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[RoundRow]:
    """The rounds that the caller's office holds, takes part in or oversees, newest first."""
    specs = await _followed(conn, shouhu, who)
    figures = (
        select(
            unit.round_id, func.count().label("asked"), func.count(unit.returned_at).label("returned"),
            func.sum(unit.screened).label("screened"), func.sum(unit.found).label("found"),
        ).group_by(unit.round_id).subquery()
    )  # fmt: skip
    query = select(tables.rounds, figures).join(figures, figures.c.round_id == one.id)
    query = query.where(one.code.in_(specs if code is None else [c for c in specs if c == code]))
    page = await page_of(conn, query, _Counted, (one.opened_at, one.id), cursor=cursor, limit=limit, newest_first=True)
    now, twice = shouhu.ledger.clock(), Counter[str]()
    for (round_id, _), doubles in (await found_twice(conn, [row.id for row in page.items])).items():
        twice[round_id] += doubles
    once = [row.model_copy(update={"found": row.found - twice[row.id]}) for row in page.items]
    return Page(items=[row.named(specs[row.code], now) for row in once], next=page.next)


class _Counted(BaseModel):
    id: str
    code: str
    organiser: Agency
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    is_open: bool
    version: int
    asked: int
    returned: int
    screened: int
    found: int

    def named(self, spec: RoundSpec, now: datetime) -> RoundRow:
        counts = not self.is_open or self.due_at <= now
        rate = round(self.returned / self.asked, 4) if counts else None
        return RoundRow(**self.model_dump(), zh=spec.zh, en=spec.en, basis=list(spec.basis), rate=rate)


@router.get("/asked", operation_id="rounds_asked")
async def asked(
    conn: Conn, who: Who, shouhu: Shouhu,
    answered: Annotated[
        bool, Query(description="Instead what it has answered in rounds that go on: a further answer adds to it.")
    ] = False,
    cursor: Cursor = None, limit: Limit = 50,
) -> Page[AskedRow]:  # fmt: skip
    """What the caller's desk or unit still owes, the first due first."""
    mine = and_(unit.is_open, unit.returned_at.is_not(None), _own(who)) if answered else owed_by(who)
    query = select(tables.round_units, one.code, one.version).join(tables.rounds, one.id == unit.round_id).where(mine)
    by = (unit.due_at, unit.round_id, unit.unit)
    page = await page_of(conn, query, AskedRow, by, cursor=cursor, limit=limit)
    specs = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).rounds
    return Page(items=[_in_words(row, specs.get(row.code)) for row in page.items], next=page.next)


def _in_words(row: AskedRow, spec: RoundSpec | None) -> AskedRow:
    said = {"zh": spec.zh, "en": spec.en, "basis": list(spec.basis)} if spec else {"zh": row.code, "en": row.code}
    return row.model_copy(update=said)


def owed_by(who: Actor) -> ColumnElement[bool]:
    """What this desk or unit has not answered, of the rounds that are open."""
    return and_(unit.is_open, unit.returned_at.is_(None), _own(who))


@router.get("/rates", operation_id="round_rates")
async def rates(conn: Conn, who: Who, shouhu: Shouhu, code: str, as_of: AsOf = None) -> list[RateRow]:
    """The return rate of each unit over the rounds of a kind that were due or over by then, as the scorecard counts them, the most silent
    first; one that was still running stands beside it."""
    if code not in await _followed(conn, shouhu, who):
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    at = as_of or shouhu.ledger.clock()
    due, back = due_then(at), func.coalesce(unit.returned_at <= at, false())
    over = func.coalesce(or_(due.c.at <= at, one.closed_at <= at), false())
    asked, returned = func.count().filter(over), func.count().filter(over, back)
    query = (
        select(
            unit.unit, unit.desk, asked.label("asked"), returned.label("returned"),
            func.count().filter(over, back, ~unit.late).label("on_time"),
            _day(func.max(unit.returned_at).filter(back)).label("last_returned_at"), func.bool_or(back).filter(~over).label("running"),
        )
        .join(tables.rounds, one.id == unit.round_id)
        .join(due, due.c.id == one.id)
        .where(one.code == code, one.opened_at <= at)
        .group_by(unit.unit, unit.desk)
        .order_by((cast(returned, Numeric) / func.nullif(asked, 0)).nulls_last(), unit.unit)
    )  # fmt: skip
    rows = (await conn.execute(query)).mappings()
    return [
        RateRow.model_validate({**row, "rate": round(row["returned"] / row["asked"], 4) if row["asked"] else None})
        for row in rows
    ]


@router.get("/{round_id}/units", operation_id="round_units")
async def units(
    round_id: str,
    conn: Conn,
    who: Who,
    shouhu: Shouhu,
    missing: bool = False,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> Page[UnitRow]:
    """Every unit of a round with its answer; where asked, only those that are missing."""
    await _seen(conn, shouhu, who, round_id)
    columns = [_day(column).label(column.name) if column is unit.returned_at else column for column in unit]
    query = select(*columns).where(unit.round_id == round_id)
    query = query.where(unit.returned_at.is_(None)) if missing else query
    page = await page_of(conn, query, UnitRow, (unit.unit,), cursor=cursor, limit=limit)
    twice = await found_twice(conn, [round_id])
    once = [row.model_copy(update={"found": row.found - twice.get((round_id, row.unit), 0)}) for row in page.items]
    return Page(items=once, next=page.next)


def _day(at: ColumnElement[Any]) -> ColumnElement[Any]:
    """Of an answer others are told the day: at that instant a report was filed, if it made one."""
    return func.date_trunc("day", at, str(BEIJING))


@router.post("", status_code=201, operation_id="open_round")
async def open_round(given: NewRound, conn: Conn, who: Who, shouhu: Shouhu) -> RoundRow:
    """By the heads of the organiser or the district's supervisors; the round before it ends."""
    now = shouhu.ledger.clock()
    spec = (await shouhu.ledger.current(conn, now)).rounds.get(given.code)
    if spec is None:
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    if not organises(who, spec):
        raise Refused(RefusalCode.NOT_ALLOWED)
    await open_door(conn)
    begun = (await begin_round(conn, shouhu.ledger, given.code, who, now)).progress
    return _Counted(
        id=begun.round_id, code=begun.code, organiser=begun.organiser, opened_at=begun.opened_at,
        due_at=begun.clock.due_at, closed_at=None, is_open=True, version=begun.version, asked=len(begun.units),
        returned=0, screened=0, found=0,
    ).named(spec, now)  # fmt: skip


@router.post("/{round_id}/returns", operation_id="answer_round", responses={200: {"headers": ETAG}})
async def answer(
    round_id: str, given: Answer, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> AnswerTaken:  # fmt: skip
    """What was found becomes reports and the round knows it, in one transaction."""
    await _require_asked(conn, who, round_id, given.unit)
    if given.nothing_found == bool(given.reports or given.registered):
        raise Refused(RefusalCode.NOTHING_SAID)
    registered = tuple(dict.fromkeys(given.registered))
    unfit = await _unfit(conn, who, round_id, registered)
    await open_door(conn)
    once = f"{round_id}/{given.unit}/{idempotency_key}" if idempotency_key else None
    filed = await report_all(conn, shouhu.ledger, shouhu.receipts, given.reports, who, once)
    command = ReturnRound(
        by=who, unit=given.unit, screened=given.screened, reports=tuple(report.case_id for report in filed),
        registered=registered, unfit=unfit, joined=tuple(given.joined), note=given.note,
    )  # fmt: skip
    done = await shouhu.ledger.record(conn, round_id, command, key=idempotency_key, expected=version_of(if_match))
    response.headers["ETag"] = f'"{done.version}"'
    return AnswerTaken(
        round_id=round_id, version=done.version, is_open=done.progress.is_open, replayed=done.replayed,
        reports=[Filed(case_id=report.case_id, receipt=report.receipt) for report in filed],
    )  # fmt: skip


@router.get("/{round_id}/registered", operation_id="round_registered")
async def registered(
    round_id: str, conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 50
) -> Page[RegisteredChild]:
    """Whom an answer may name as found beside those whom it reports: the children whom nobody has reported, registered in the caller's
    street or, of a school, by itself within a year, and named in no answer to a round of this kind. The last to be registered first."""
    if not await conn.scalar(select(unit.unit).where(unit.round_id == round_id, _own(who))):
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    await _behind_the_door(conn, who)
    query = select(child.id, child.filed_at).where(_on_file(who), child.id.not_in(await _named(conn, round_id)))
    page = await page_of(
        conn, query, _OnFile, (child.filed_at, child.id), cursor=cursor, limit=limit, newest_first=True
    )
    ids = [row.id for row in page.items]
    if not ids:
        return Page(items=[], next=None)
    await audit_read(conn, who, "round_registered", None, ["name", "birth_date"], children=ids)
    known = {record.child_id: record for record in await records_of(conn, ids, false())}
    return Page(items=[_masked(row, known[row.id]) for row in page.items if row.id in known], next=page.next)


class _OnFile(BaseModel):
    id: str
    filed_at: datetime


def _masked(row: _OnFile, record: ChildRecord) -> RegisteredChild:
    name, born = (
        (entry and str(entry.value)) or "" for entry in map(record.entry, (FileField.NAME, FileField.BIRTH_DATE))
    )
    return RegisteredChild(
        child_id=row.id, name=mask_name(name), birth_date=mask_birth_date(born), registered_at=row.filed_at
    )


def _on_file(who: Actor) -> ColumnElement[bool]:
    """Registered in the caller's street without a report, and not returned as unfit: it waits to be verified, or is watched."""
    file, watch = tables.child_files.c, tables.watches.c
    waits = exists().where(file.child_id == child.id, file.is_open)
    joined = exists().where(file.child_id == child.id, file.merged_into.is_not(None))
    returned = ~file.progress["counts"].has_key(FileField.REGISTRATION.value) & file.progress["set_aside"][0].is_(None)
    unfit = exists().where(file.child_id == child.id, returned)
    stands = or_(waits, exists().where(watch.child_id == child.id))
    if registers_pupils(who):  # that a pupil's file was joined to another would say that there is one
        return and_(child.case_id.is_(None), _by_school(who), or_(stands, joined & ~unfit))
    return and_(child.case_id.is_(None), child.division.in_(divisions(who)), sighted(who), stands, ~joined)


def _by_school(who: Actor) -> ColumnElement[bool]:
    """Registered for the caller's school within a year; of before it was written for which, by somebody who works there now."""
    event, person, year = tables.events.c, tables.people.c, func.now() - timedelta(days=366)
    colleagues = select(func.array_agg(person.id)).where(person.unit == who.unit, person.agency == who.agency.value)
    whose = any_(func.array_append(colleagues.scalar_subquery(), cast(who.unit, person.id.type), type_=ARRAY(String)))
    entered = select(func.substr(event.stream_id, len(PREFIX) + 1)).where(
        text(tables.REGISTERED), literal_column(tables.REGISTERED_FOR) == whose, event.at > year
    )
    return and_(child.filed_at > year, child.id.in_(entered))


async def _behind_the_door(conn: Conn, who: Actor) -> None:
    """A school sees no files; what it has registered itself it may name."""
    if registers_pupils(who):
        await open_door(conn)


async def _named(conn: Conn, round_id: str, *, by_others: bool = False) -> list[str]:
    """The children whom answers to rounds of this kind have named."""
    path = cast("$.returns[*].registered[*]", JSONPATH)
    query = select(func.jsonb_path_query(one.progress, path, type_=JSONB))
    kind = select(one.code).where(one.id == round_id).scalar_subquery()
    query = query.where(one.code == kind, one.id != round_id if by_others else true())
    return [str(one) for one in (await conn.execute(query)).scalars()]


async def _require_asked(conn: Conn, who: Actor, round_id: str, name: str) -> None:
    """Before anything else is said: what became of a round since an old version is for those who answer it."""
    if not await conn.scalar(select(one.id).where(one.id == round_id)):
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    desk = await conn.scalar(select(unit.desk).where(unit.round_id == round_id, unit.unit == name))
    if desk is None or not Asked(unit=name, desk=desk).answers(who):
        raise Refused(RefusalCode.NOT_ASKED)


async def _unfit(conn: Conn, who: Actor, round_id: str, children: Sequence[str]) -> RefusalCode | None:
    """Each has to be in the caller's sight, and is found once; what this very round knows the ledger asks."""
    if not children:
        return None
    await _behind_the_door(conn, who)
    seen = set((await conn.execute(select(child.id).where(child.id.in_(children), _on_file(who)))).scalars())
    if not seen.issuperset(children):
        return RefusalCode.CHILD_NOT_REGISTERED
    named = await _named(conn, round_id, by_others=True)
    return RefusalCode.CHILD_NAMED if seen.intersection(named) else None


async def _followed(conn: Conn, shouhu: Shouhu, who: Actor) -> dict[str, RoundSpec]:
    rules = await shouhu.ledger.current(conn, shouhu.ledger.clock())
    return {code: spec for code, spec in rules.rounds.items() if follows(who, spec)}


async def _seen(conn: Conn, shouhu: Shouhu, who: Actor, round_id: str) -> None:
    code = await conn.scalar(select(one.code).where(one.id == round_id))
    if code is None or code not in await _followed(conn, shouhu, who):
        raise Refused(RefusalCode.ROUND_NOT_FOUND)


def _own(who: Actor) -> ColumnElement[bool]:
    return or_(unit.unit == who.desk, unit.unit == who.unit) if who.unit else unit.unit == who.desk
